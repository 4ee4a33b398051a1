//! A mill and its customers, who trade by AEA's protocol `fipa`, by calls and by mail: agents of tests.
//!
//! Always: the mill writes down what it hears, so that a test can wait for that.

use std::time::Duration;

use folkmoot::dialogues::{Dialogue, DialogueError, Ended, OtherSide};
use folkmoot::prelude::*;
use folkmoot::protocols::dialogue::Limits;

use super::book::Book;

folkmoot::protocol!("fipa");

use fipa::roles::{Buyer, Seller};
use fipa::{Accept, Cfp, Decline, End, Fipa, Inform, MatchAccept, Propose, heard, types};

/// Grinds what it is asked for.
#[derive(Agent)]
pub(crate) struct Mill {
    book: Book,
}

#[agent]
impl Mill {
    #[start]
    fn start(&self, ctx: &Context<Self>) {
        ctx.dialogues::<Fipa>().set_validation(|_, message| match &message.body {
            Fipa::Inform(inform) if inform.info.contains_key("nowhere") => {
                Err("nobody lives there".to_owned())
            }
            Fipa::Cfp(cfp) if cfp.query.query_bytes == b"gravel" => Err("nobody eats that".to_owned()),
            _ => Ok(()),
        });
    }

    #[handles(Fipa)]
    async fn cfp(
        &mut self,
        cfp: Cfp,
        dialogue: Dialogue<Seller, Cfp>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        let what = String::from_utf8_lossy(&cfp.query.query_bytes).into_owned();
        self.book.write(format!("cfp {what} of {}", ctx.caller().agent_name().unwrap_or("nobody")));
        match what.as_str() {
            "stone" => {
                ctx.reply(dialogue, Decline).await?;
            }
            "crash" => panic!("no flour today"),
            "silence" => {}
            "fail" => return Err(DialogueError::Awaited),
            _ => {
                let proposal = types::Description { description_bytes: b"3 shillings".to_vec() };
                ctx.reply(dialogue, Propose { proposal }).await?;
            }
        }
        Ok(())
    }

    #[handles(Fipa)]
    async fn accept(
        &mut self,
        _: Accept,
        dialogue: Dialogue<Seller, Accept>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        self.book.write("accept");
        ctx.reply(dialogue, MatchAccept).await?;
        Ok(())
    }

    #[handles(Fipa)]
    async fn inform(
        &mut self,
        inform: Inform,
        dialogue: Dialogue<Seller, Inform>,
        ctx: &Context<Self>,
    ) -> Result<(), DialogueError> {
        let told: Vec<String> = inform.info.into_values().collect();
        self.book.write(format!("inform {}", told.join(" ")));
        ctx.reply(dialogue, End).await?;
        Ok(())
    }

    #[handles(Fipa)]
    fn decline(&mut self, _: Decline) {
        self.book.write("decline");
    }

    #[ended(Fipa)]
    fn over(&mut self, ended: Ended<Fipa>) {
        self.book.write(format!("over: {}", ended.cause.word()));
    }

    #[expose]
    fn open(&self, ctx: &Context<Self>) -> usize {
        ctx.dialogues::<Fipa>().open()
    }
}

pub(crate) fn mill(book: &Book) -> impl Fn() -> Mill + Clone + Send + Sync + use<> {
    let book = book.clone();
    move || Mill { book: book.clone() }
}

pub(crate) fn cfp(query: &str) -> Cfp {
    Cfp { query: types::Query { query_bytes: query.as_bytes().to_vec() } }
}

pub(crate) fn address(text: &str) -> MailAddress {
    text.into()
}

/// Buys, waiting for each answer, in a turn that has the state to itself.
#[derive(Agent, Default)]
pub(crate) struct Customer;

#[agent]
impl Customer {
    #[expose]
    async fn buy(&mut self, ctx: &Context<Self>, whom: String, what: String) -> Result<String, String> {
        buy(ctx, &address(&whom), &what).await.map_err(|error| format!("{error:?}"))
    }

    /// By calls.
    #[expose]
    async fn buy_of(
        &mut self,
        ctx: &Context<Self>,
        whom: Proxy<Untyped>,
        what: String,
    ) -> Result<String, String> {
        buy(ctx, &whom, &what).await.map_err(|error| format!("{error:?}"))
    }

    /// Asks so often before it looks at an answer, and declines all; how many offers there were.
    #[expose]
    async fn ask_many(&self, ctx: &Context<Self>, whom: Proxy<Untyped>, count: u32) -> Result<u32, String> {
        let mut said = Vec::new();
        for _ in 0..count {
            let asked = ctx.open_as::<Buyer, _>(&whom, cfp("rolls")).await;
            said.push(asked.map_err(|error| error.to_string())?);
        }
        let mut offers = 0;
        // The last first: each answer finds its own dialogue.
        for asked in said.into_iter().rev() {
            if let heard::ToCfp::Propose(_, dialogue) =
                ctx.answer(asked).await.map_err(|error| error.to_string())?
            {
                ctx.reply(dialogue, Decline).await.map_err(|error| error.to_string())?;
                offers += 1;
            }
        }
        Ok(offers)
    }

    /// An offer by calls, which is declined.
    #[expose]
    async fn call(
        &mut self,
        ctx: &Context<Self>,
        whom: Proxy<Untyped>,
        what: String,
    ) -> Result<String, String> {
        let asked = ctx.open_as::<Buyer, _>(&whom, cfp(&what)).answer().await;
        match asked.map_err(|error| format!("{error:?}"))? {
            heard::ToCfp::Propose(_, dialogue) => {
                ctx.reply(dialogue, Decline).await.map_err(|error| format!("{error:?}"))?;
                Ok("an offer".to_owned())
            }
            heard::ToCfp::Decline(..) => Ok("none".to_owned()),
        }
    }

    #[expose]
    async fn ask(&mut self, ctx: &Context<Self>, whom: String, what: String) -> Result<(), String> {
        ctx.open_as::<Buyer, _>(&address(&whom), cfp(&what)).await.map_err(|error| format!("{error:?}"))?;
        Ok(())
    }

    #[expose]
    fn time_out(&self, ctx: &Context<Self>, milliseconds: u64) {
        let mut limits = Limits::default();
        limits.time_out = Some(Duration::from_millis(milliseconds));
        ctx.dialogues::<Fipa>().set_limits(limits);
    }

    #[expose]
    fn open(&self, ctx: &Context<Self>) -> usize {
        ctx.dialogues::<Fipa>().open()
    }
}

async fn buy(ctx: &Context<Customer>, mill: &impl OtherSide, what: &str) -> Result<String, DialogueError> {
    let dialogue = match ctx.open_as::<Buyer, _>(mill, cfp(what)).answer().await? {
        heard::ToCfp::Propose(_, dialogue) => dialogue,
        heard::ToCfp::Decline(..) => return Ok("declined".to_owned()),
    };
    let heard::ToAccept::MatchAccept(_, dialogue) = ctx.reply(dialogue, Accept).answer().await? else {
        return Ok("no match".to_owned());
    };
    let key = if what == "nowhere" { "nowhere" } else { "address" };
    let info = [(key.to_owned(), "Mill Lane 3".to_owned())].into();
    match ctx.reply(dialogue, Inform { info }).answer().await? {
        heard::ToInform::End(..) => Ok("bought".to_owned()),
        heard::ToInform::Inform(..) => Ok("informed".to_owned()),
    }
}
