//! Services: what can be called, by names.
//!
//! Always true: a path leads to a method through services alone, and to nothing that was not put there; a method's panic is
//! its caller's exception. Neighbour: [`Peer`](super::Peer) brings the calls.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use folkmoot_codecs::{ArgumentList, Exception};
use folkmoot_gateway::name::short;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use serde::Serialize;

use super::{Peer, raise};
use crate::channel::Request;
use crate::link_time;

/// How long async methods go on whose caller has closed its half of the channel: it may still read, but is more likely
/// gone.
const HALF_CLOSED_TIME: Duration = Duration::from_secs(2);

/// Longest path that is looked at, in bytes.
const MAX_PATH_BYTES: usize = 1024;

/// Methods, and services beneath it, by their names. Clones are handles to the same service.
#[derive(Clone, Default)]
pub struct Service(Rc<RefCell<BTreeMap<String, Entry>>>);

/// Takes a call and sees to its answer.
type Method = Rc<dyn Fn(&Peer, Request)>;

#[derive(Clone)]
enum Entry {
    Method(Method),
    Service(Service),
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.borrow().keys()).finish()
    }
}

impl Service {
    /// One without methods.
    pub fn new() -> Service {
        Service::default()
    }

    /// Adds a method: its name, the names of its arguments, and what it does. It runs at once, and others wait for it.
    ///
    /// An error is told to the caller as `RuntimeError` with its text, or as what it says where it is an
    /// [`Exception`](crate::Exception).
    ///
    /// # Panics
    /// Where a name is empty or has a `/`.
    pub fn method<const N: usize, A, T, E>(
        self,
        name: &str,
        names: [&'static str; N],
        run: impl Fn(A) -> Result<T, E> + 'static,
    ) -> Service
    where
        A: ArgumentList,
        T: Serialize,
        E: fmt::Display + 'static,
    {
        const { assert!(N == A::COUNT, "a method has as many names of arguments as arguments") };
        let path = name.to_owned();
        let method = move |_: &Peer, request: Request| {
            let Some((request, arguments)) = arguments::<A>(request, &path, &names) else { return };
            let returned = catch_unwind(AssertUnwindSafe(|| run(arguments)));
            finish(request, &path, returned);
        };
        self.enter(name, Entry::Method(Rc::new(method)))
    }

    /// Adds a method that takes its time, beside others, and may call who called it. It is dropped where the caller's
    /// channel ends.
    ///
    /// # Panics
    /// As [`method`](Service::method).
    pub fn async_method<const N: usize, A, T, E, F>(
        self,
        name: &str,
        names: [&'static str; N],
        run: impl Fn(A, Peer) -> F + 'static,
    ) -> Service
    where
        A: ArgumentList,
        T: Serialize,
        E: fmt::Display + 'static,
        F: Future<Output = Result<T, E>> + 'static,
    {
        const { assert!(N == A::COUNT, "a method has as many names of arguments as arguments") };
        let path = name.to_owned();
        let method = move |peer: &Peer, request: Request| {
            let Some((request, arguments)) = arguments::<A>(request, &path, &names) else { return };
            let (path, peer) = (path.clone(), peer.clone());
            let begun = catch_unwind(AssertUnwindSafe(|| run(arguments, peer.clone())));
            actix::spawn(async move {
                let running = async {
                    match begun {
                        Ok(running) => AssertUnwindSafe(running).catch_unwind().await,
                        Err(panic) => Err(panic),
                    }
                };
                let channel = peer.channel().clone();
                drop(peer);
                let gone = async {
                    channel.peer_closed().await;
                    link_time::within(HALF_CLOSED_TIME, channel.ended()).await;
                };
                match select(pin!(running), pin!(gone)).await {
                    Either::Left((returned, _)) => finish(request, &path, returned),
                    // Nobody is there to be answered, as far as one can tell.
                    Either::Right(_) => drop(request),
                }
            });
        };
        self.enter(name, Entry::Method(Rc::new(method)))
    }

    /// Adds a service beneath this one.
    ///
    /// # Panics
    /// As [`method`](Service::method).
    pub fn service(self, name: &str, service: Service) -> Service {
        self.enter(name, Entry::Service(service))
    }

    fn enter(self, name: &str, entry: Entry) -> Service {
        assert!(is_name(name), "{name:?} is no name of a method or service: it is empty or has a slash");
        self.0.borrow_mut().insert(name.to_owned(), entry);
        self
    }

    /// Puts a service beneath this one while it is served, in the place of what had the name. Says whether the name is one:
    /// not empty, and without a `/`.
    pub fn insert(&self, name: &str, service: Service) -> bool {
        let fits = is_name(name);
        if fits {
            self.0.borrow_mut().insert(name.to_owned(), Entry::Service(service));
        }
        fits
    }

    /// Takes a method or service away. Says whether there was one; calls that run go on.
    pub fn remove(&self, name: &str) -> bool {
        let removed = self.0.borrow_mut().remove(name);
        removed.is_some()
    }

    /// The path to `wanted`, which is this service or beneath it.
    pub(super) fn path_to(&self, wanted: &Service) -> Option<String> {
        self.path_beneath(wanted, &mut Vec::new())
    }

    fn path_beneath(&self, wanted: &Service, seen: &mut Vec<Service>) -> Option<String> {
        if Rc::ptr_eq(&self.0, &wanted.0) {
            return Some(String::new());
        }
        // A service may be beneath itself.
        if seen.iter().any(|seen| Rc::ptr_eq(&seen.0, &self.0)) {
            return None;
        }
        seen.push(self.clone());
        self.0.borrow().iter().find_map(|(name, entry)| {
            let Entry::Service(service) = entry else { return None };
            let path = service.path_beneath(wanted, seen)?;
            Some(if path.is_empty() { name.clone() } else { format!("{name}/{path}") })
        })
    }

    /// Begins a call, or says what is wrong with it.
    pub(super) fn begin(&self, peer: &Peer, request: Request) {
        let path = match request.call() {
            Ok((path, _)) if path.len() > MAX_PATH_BYTES => {
                let most = format!("the path is longer than {MAX_PATH_BYTES} bytes");
                return raise(request, "LookupError", &most);
            }
            Ok((path, _)) => path.into_owned(),
            Err(reason) => return raise(request, "TypeError", &format!("no call: {reason}")),
        };
        match self.find(&path) {
            Ok(method) => method(peer, request),
            Err((kind, message)) => raise(request, kind, &message),
        }
    }

    fn find(&self, path: &str) -> Result<Method, (&'static str, String)> {
        let mut entry = Entry::Service(self.clone());
        let mut passed = 0;
        for name in path.split('/') {
            let Entry::Service(service) = &entry else {
                return Err(unknown(name, path.get(..passed).unwrap_or_default()));
            };
            let found = service.0.borrow().get(name).cloned();
            entry = found.ok_or_else(|| unknown(name, path.get(..passed).unwrap_or_default()))?;
            passed += name.len() + usize::from(passed > 0);
        }
        match entry {
            Entry::Method(method) => Ok(method),
            Entry::Service(_) => {
                Err(("TypeError", format!("{:?} is a service, and not callable", short(path))))
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('/')
}

fn unknown(name: &str, path: &str) -> (&'static str, String) {
    ("LookupError", format!("Name {:?} not found in {:?}", short(name), short(path)))
}

/// The arguments of a call, unless they do not fit, which its caller is told.
fn arguments<A: ArgumentList>(request: Request, method: &str, names: &[&str]) -> Option<(Request, A)> {
    let read = || match request.call() {
        Ok((_, arguments)) => {
            request.reading(|| A::decode(&arguments, method, names)).map_err(|error| error.to_string())
        }
        Err(reason) => Err(reason),
    };
    // Decoders are the user's code too.
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(arguments)) => Some((request, arguments)),
        Ok(Err(reason)) => {
            raise(request, "TypeError", &reason);
            None
        }
        Err(_) => {
            raise(request, "TypeError", "a decoder panicked");
            None
        }
    }
}

/// Answers with what a method gave.
fn finish<T: Serialize, E: fmt::Display + 'static>(
    request: Request,
    method: &str,
    returned: std::thread::Result<Result<T, E>>,
) {
    match returned {
        // That it could not be encoded its caller has been told.
        Ok(Ok(value)) => {
            if let Err(error) = request.reply(&value) {
                tracing::warn!(%method, %error, "the result of a method did not encode");
            }
        }
        Ok(Err(error)) => match (&error as &dyn Any).downcast_ref::<Exception>() {
            Some(Exception { kind, message }) => raise(request, kind, message),
            None => raise(request, "RuntimeError", &error.to_string()),
        },
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            tracing::error!(%method, panic = %crate::one_line::one_line(&text), "a method of a service panicked");
            raise(request, "RuntimeError", &format!("{method} panicked: {text}"));
        }
    }
}
