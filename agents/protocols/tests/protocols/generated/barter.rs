//! Goods for goods, without money: an offer, a counter, a handshake.
//!
//! The types of the protocol `fair/barter:0.3.0` (`fair/barter`, version 0.3.0): [`Barter`] is all that may be said in it.
//! Generated from its specification by Folkmoot: change that, and generate this anew.

#![allow(dead_code, unreachable_pub, reason = "a program may use a part of it")]
#![allow(clippy::large_enum_variant, reason = "some messages are large")]

use std::collections::{BTreeMap, BTreeSet};

use ::folkmoot_protocols::typed::{self, shape};

/// All that may be said in `fair/barter:0.3.0`.
#[derive(Debug, Clone, PartialEq)]
pub enum Barter {
    /// `counter`.
    Counter(Counter),
    /// `offer`.
    Offer(Offer),
    /// `shake`.
    Shake(Shake),
    /// `walk_away`.
    WalkAway(WalkAway),
}

typed::protocol! {
    Barter, "fair/barter:0.3.0", SPECIFICATION;
    Counter = 0 "counter",
    Offer = 1 "offer",
    Shake = 2 "shake",
    WalkAway = 3 "walk_away",
}

/// `offer`, with which a dialogue may begin: answered with `counter`, `shake` or `walk_away`.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// `goods: pt:dict[pt:str, pt:int]`.
    pub goods: BTreeMap<String, i64>,
    /// `until: pt:optional[pt:int]`.
    pub until: Option<i64>,
    /// `wish: pt:union[pt:str, ct:Wish, pt:list[pt:str]]`.
    pub wish: unions::Wish,
}

typed::fields! {
    Offer {
        goods: 1 = shape::Map<String, shape::Whole<i64>>,
        until: 2 = shape::Flagged<shape::One<i64>>,
        wish: 4 = unions::Wish,
    }
}

/// `counter`: answered with `counter`, `shake` or `walk_away`.
#[derive(Debug, Clone, PartialEq)]
pub struct Counter {
    /// `goods: pt:dict[pt:str, pt:int]`.
    pub goods: BTreeMap<String, i64>,
    /// `rating: pt:float`.
    pub rating: f32,
}

typed::fields! {
    Counter {
        goods: 1 = shape::Map<String, shape::Whole<i64>>,
        rating: 2 = shape::One<f32>,
    }
}

/// `shake`: it ends the dialogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Shake {
    /// `seal: pt:bytes`.
    pub seal: Vec<u8>,
    /// `in_person: pt:bool`.
    pub in_person: bool,
    /// `witnesses: pt:set[pt:str]`.
    pub witnesses: BTreeSet<String>,
    /// `note: pt:optional[pt:union[pt:str, pt:bytes]]`.
    pub note: Option<unions::Note>,
}

typed::fields! {
    Shake {
        seal: 1 = shape::One<Vec<u8>>,
        in_person: 2 = shape::One<bool>,
        witnesses: 3 = shape::SetOf<String>,
        note: 4 = shape::MaybeUnion<unions::Note>,
    }
}

/// `walk_away`: it ends the dialogue.
#[derive(Debug, Clone, PartialEq)]
pub struct WalkAway;

typed::fields! { WalkAway {} }

/// The contents that are one of several types.
pub mod unions {
    use ::folkmoot_protocols::typed::{self, shape};

    use super::types;

    /// What `wish` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Wish {
        /// `pt:str`.
        Str(String),
        /// `ct:Wish`.
        Wish(types::Wish),
        /// `pt:list[pt:str]`.
        ListOfStr(Vec<String>),
    }

    typed::union! {
        Wish {
            Str: 0 = shape::One<String>,
            Wish: 2 = shape::Nested<types::Wish>,
            ListOfStr: 4 = shape::Many<String>,
        }
    }

    /// What `note` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Note {
        /// `pt:str`.
        Str(String),
        /// `pt:bytes`.
        Bytes(Vec<u8>),
    }

    typed::union! {
        Note {
            Str: 0 = shape::One<String>,
            Bytes: 2 = shape::One<Vec<u8>>,
        }
    }
}

typed::rules! {
    Barter;
    opens Offer;
    ends Shake, WalkAway;
    Counter => ToCounter: Counter, Shake, WalkAway;
    Offer => ToOffer: Counter, Shake, WalkAway;
}

/// Who takes part in a dialogue.
pub mod roles {
    use ::folkmoot_protocols::typed;

    /// The role `giver`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Giver {}

    typed::role! {
        super::Barter, Giver, Taker, "giver";
        super::Counter,
        super::Offer,
        super::Shake,
        super::WalkAway,
    }

    /// The role `taker`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Taker {}

    typed::role! {
        super::Barter, Taker, Giver, "taker";
        super::Counter,
        super::Offer,
        super::Shake,
        super::WalkAway,
    }
}

/// What came, each performative with the dialogue in which it may be answered.
pub mod heard {
    use ::folkmoot_protocols::typed;

    /// Any message that came, and its dialogue.
    #[derive(Debug)]
    #[must_use = "the other side waits for an answer"]
    pub enum Any<R> {
        /// `counter`.
        Counter(super::Counter, typed::Dialogue<R, super::Counter>),
        /// `offer`.
        Offer(super::Offer, typed::Dialogue<R, super::Offer>),
        /// `shake`.
        Shake(super::Shake, typed::Dialogue<R, super::Shake>),
        /// `walk_away`.
        WalkAway(super::WalkAway, typed::Dialogue<R, super::WalkAway>),
    }

    typed::heard! {
        Barter, Any {
            Counter,
            Offer,
            Shake,
            WalkAway,
        }
    }

    /// A message that came with which a dialogue begins, and the dialogue.
    #[derive(Debug)]
    #[must_use = "the other side waits for an answer"]
    pub enum Opening<R> {
        /// `offer`.
        Offer(super::Offer, typed::Dialogue<R, super::Offer>),
    }

    typed::heard! {
        Barter, Opening {
            Offer,
        }
    }

    /// What answers `counter`: `counter`, `shake` or `walk_away`.
    #[derive(Debug)]
    #[must_use = "the other side waits for an answer"]
    pub enum ToCounter<R> {
        /// `counter`.
        Counter(super::Counter, typed::Dialogue<R, super::Counter>),
        /// `shake`.
        Shake(super::Shake, typed::Dialogue<R, super::Shake>),
        /// `walk_away`.
        WalkAway(super::WalkAway, typed::Dialogue<R, super::WalkAway>),
    }

    typed::heard! {
        Barter, ToCounter {
            Counter,
            Shake,
            WalkAway,
        }
    }

    /// What answers `offer`: `counter`, `shake` or `walk_away`.
    #[derive(Debug)]
    #[must_use = "the other side waits for an answer"]
    pub enum ToOffer<R> {
        /// `counter`.
        Counter(super::Counter, typed::Dialogue<R, super::Counter>),
        /// `shake`.
        Shake(super::Shake, typed::Dialogue<R, super::Shake>),
        /// `walk_away`.
        WalkAway(super::WalkAway, typed::Dialogue<R, super::WalkAway>),
    }

    typed::heard! {
        Barter, ToOffer {
            Counter,
            Shake,
            WalkAway,
        }
    }
}

/// The custom types of `fair/barter:0.3.0`.
pub mod types {
    use ::folkmoot_protocols::typed::{self, shape};

    /// `ct:Wish`.
    #[derive(Debug, Clone, PartialEq, Default)]
    pub struct Wish {
        /// `urgency = 1`.
        pub urgency: WishUrgency,
        /// `goods = 2`.
        pub goods: Vec<String>,
    }

    typed::fields! {
        Wish {
            urgency: 1 = shape::One<WishUrgency>,
            goods: 2 = shape::Many<String>,
        }
    }

    /// `Wish.Urgency`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub enum WishUrgency {
        /// `LOW = 0`.
        #[default]
        Low,
        /// `HIGH = 1`.
        High,
        /// A number that has no name: refused where bytes are read strictly.
        Unnamed(i32),
    }

    typed::enumeration! {
        WishUrgency, Unnamed {
            Low = 0,
            High = 1,
        }
    }
}

/// What all of this was generated from.
const SPECIFICATION: &str = r#"# Two who swap goods.
---
name: barter
author: fair
version: 0.3.0
description: 'Goods for goods, without money: an offer, a counter, a handshake.'
license: MIT
aea_version: ">=1.0.0, <2.0.0"
protocol_specification_id: fair/barter:0.3.0
speech_acts:
  offer:
    goods: pt:dict[pt:str, pt:int]
    until: pt:optional[pt:int]
    wish: pt:union[pt:str, ct:Wish, pt:list[pt:str]]
  counter:
    goods: pt:dict[pt:str, pt:int]
    rating: pt:float
  shake:
    seal: pt:bytes
    in_person: pt:bool
    witnesses: pt:set[pt:str]
    note: pt:optional[pt:union[pt:str, pt:bytes]]
  walk_away: {}
...
---
ct:Wish: |
  enum Urgency {
    LOW = 0;
    HIGH = 1;
  }
  Urgency urgency = 1;
  repeated string goods = 2;
...
---
initiation: [offer]
reply:
  offer: [counter, shake, walk_away]
  counter:
    - counter
    - shake
    - walk_away
  shake: []
  walk_away: []
termination: [shake, walk_away]
roles: {giver, taker}
end_states: [swapped, broken_off]
keep_terminal_state_dialogues: no
"#;
