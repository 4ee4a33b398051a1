//! A call of whatever kind, typed or by name, as a group makes it of each member.
//!
//! Neighbours: [`call`](crate::call), [`untyped`](crate::untyped).

use std::future::Future;
use std::time::Duration;

use folkmoot_codecs::{CallError, Value};

use crate::call::Call;
use crate::interface::Method;
use crate::untyped::UntypedCall;

/// What a group's question gives: a [`Call`], or an [`UntypedCall`], that has not been sent.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no call",
    note = "the closure gives the call itself, as in `|agent| agent.read()`: without `.await` and without a block behind it"
)]
pub trait AnyCall:
    Future<Output = Result<Self::Value, CallError<Self::Fault>>> + Unpin + sealed::Sealed
{
    /// What the method returns when all is well.
    type Value;
    /// The method's own error.
    type Fault;
    /// Its own deadline, where it was given one.
    #[doc(hidden)]
    fn own_deadline(&self) -> Option<Duration>;
    /// The same call with a deadline that is no later than that.
    #[doc(hidden)]
    fn no_later(self, deadline: Duration) -> Self;
    /// The same call, which is not made again where its method is idempotent.
    #[doc(hidden)]
    fn once(self) -> Self;
    /// Sends it without a reply.
    #[doc(hidden)]
    fn tell(self) -> Result<(), CallError>;
}

mod sealed {
    pub trait Sealed {}
    impl<M: super::Method> Sealed for super::Call<M> {}
    impl Sealed for super::UntypedCall {}
}

fn shorter(own: Option<Duration>, deadline: Duration) -> Duration {
    own.map_or(deadline, |own| own.min(deadline))
}

impl<M: Method> AnyCall for Call<M> {
    type Value = M::Ok;
    type Fault = M::Err;

    fn own_deadline(&self) -> Option<Duration> {
        Call::own_deadline(self)
    }

    fn no_later(self, deadline: Duration) -> Self {
        let deadline = shorter(self.own_deadline(), deadline);
        self.deadline(deadline)
    }

    fn once(self) -> Self {
        Call::once(self)
    }

    fn tell(self) -> Result<(), CallError> {
        self.one_way()
    }
}

impl AnyCall for UntypedCall {
    type Value = Value;
    type Fault = Value;

    fn own_deadline(&self) -> Option<Duration> {
        UntypedCall::own_deadline(self)
    }

    fn no_later(self, deadline: Duration) -> Self {
        let deadline = shorter(self.own_deadline(), deadline);
        self.deadline(deadline)
    }

    fn once(self) -> Self {
        UntypedCall::once(self)
    }

    fn tell(self) -> Result<(), CallError> {
        self.one_way()
    }
}
