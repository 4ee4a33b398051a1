//! Every form of a method that takes mail, without a single warning.
#![deny(warnings, unreachable_pub, unused_qualifications, clippy::all, unsafe_code, unused_results)]

use std::fmt;

use folkmoot_agents::mail::{Delivery, Mail, MailError};
use folkmoot_agents::{Agent, Context, agent};

/// A result with one parameter, as a library would have it.
type Result<T> = std::result::Result<T, Trouble>;

/// An error that is neither `Serialize` nor `Send`.
struct Trouble(#[allow(dead_code)] std::rc::Rc<str>);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Order {
    litres: u64,
}

#[derive(Agent, Default)]
#[agent(crate = folkmoot_agents::__private)]
struct Pump {
    litres: u64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Pump {
    /// Pumps.
    #[on("order")]
    async fn order(
        &mut self,
        Order { litres }: Order,
        mail: &Delivery,
        ctx: &Context<Self>,
    ) -> std::result::Result<(), MailError> {
        self.litres += litres;
        let level: u64 = ctx.request("tank", Mail::new("level?", &())).await?;
        match &mail.from {
            Some(from) => ctx.send(from, Mail::new("done", &level)).await,
            None => Ok(()),
        }
    }

    #[on("level?")]
    fn level(&self, _: ()) -> u64 {
        self.litres
    }

    #[on("r#type")]
    async fn r#type(&self, mut mail: Delivery, r#match: Option<String>) -> Result<String> {
        mail.attempt += 1;
        Ok(r#match.unwrap_or_default())
    }

    #[on("tick")]
    fn tick(&mut self) {}

    #[on("of me")]
    fn of_me(&self, ctx: &Context<Self>) -> Result<()> {
        Err(Trouble(ctx.name().into()))
    }

    #[on]
    fn other(&mut self, mail: Delivery) {
        drop(mail);
    }

    #[expose]
    fn call(&self) {}
}

fn main() {
    fn is_agent<A: Agent>() -> usize {
        A::MAILS.len()
    }
    assert_eq!(is_agent::<Pump>(), 6);
}
