//! All that custom types may hold. Not \[a link\], and \<b\>not\</b\> markup.
//!
//! The types of the protocol `fair/parts:1.0.0` (`fair/parts`, version 1.0.0): [`Parts`] is all that may be said in it.
//! Generated from its specification by Folkmoot: change that, and generate this anew.

#![allow(dead_code, unreachable_pub, reason = "a program may use a part of it")]
#![allow(clippy::large_enum_variant, reason = "some messages are large")]

use std::collections::{BTreeMap, BTreeSet};

use ::folkmoot_protocols::typed::{self, shape};

/// All that may be said in `fair/parts:1.0.0`.
#[derive(Debug, Clone, PartialEq)]
pub enum Parts {
    /// `ask`.
    Ask(Ask),
    /// `plan`.
    Plan(Plan),
    /// `some`.
    Some_(Some_),
}

typed::protocol! {
    Parts, "fair/parts:1.0.0", SPECIFICATION;
    Ask = 0 "ask",
    Plan = 1 "plan",
    Some_ = 2 "some",
}

/// `ask`, with which a dialogue may begin: answered with `some` or `plan`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// `type: pt:str`.
    pub r#type: String,
    /// `numbers: pt:optional[pt:set[pt:float]]`.
    pub numbers: Option<BTreeSet<typed::Float>>,
    /// `perhaps: pt:optional[ct:Plan]`.
    pub perhaps: Option<types::Plan>,
}

typed::fields! {
    Ask {
        r#type: 1 = shape::One<String>,
        numbers: 2 = shape::Flagged<shape::SetOf<typed::Float>>,
        perhaps: 4 = shape::Flagged<shape::Nested<types::Plan>>,
    }
}

/// `some`: answered with `ask`.
#[derive(Debug, Clone, PartialEq)]
pub struct Some_ {
    /// `plan: ct:Plan`.
    pub plan: types::Plan,
    /// `many: pt:list[pt:bytes]`.
    pub many: Vec<Vec<u8>>,
    /// `flags: pt:list[pt:bool]`.
    pub flags: Vec<bool>,
    /// `by_flag: pt:dict[pt:bool, pt:float]`.
    pub by_flag: BTreeMap<bool, f32>,
}

typed::fields! {
    Some_ {
        plan: 1 = shape::Nested<types::Plan>,
        many: 2 = shape::Many<Vec<u8>>,
        flags: 3 = shape::Many<bool>,
        by_flag: 4 = shape::Map<bool, shape::Whole<f32>>,
    }
}

/// `plan`: it ends the dialogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan;

typed::fields! { Plan {} }

typed::rules! {
    Parts;
    opens Ask;
    ends Plan;
    Ask => ToAsk: Some_, Plan;
    Some_ => ToSome: Ask;
}

/// Who takes part in a dialogue.
pub mod roles {
    use ::folkmoot_protocols::typed;

    /// The role `agent`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Agent {}

    typed::role! {
        super::Parts, Agent, Agent, "agent";
        super::Ask,
        super::Plan,
        super::Some_,
    }
}

/// What came, each performative with the dialogue in which it may be answered.
pub mod heard {
    use ::folkmoot_protocols::typed;

    /// Any message that came, and its dialogue.
    #[derive(Debug)]
    #[must_use = "the other side waits for an answer"]
    pub enum Any<R> {
        /// `ask`.
        Ask(super::Ask, typed::Dialogue<R, super::Ask>),
        /// `plan`.
        Plan(super::Plan, typed::Dialogue<R, super::Plan>),
        /// `some`.
        Some_(super::Some_, typed::Dialogue<R, super::Some_>),
    }

    typed::heard! {
        Parts, Any {
            Ask,
            Plan,
            Some_,
        }
    }

    /// A message that came with which a dialogue begins, and the dialogue.
    #[derive(Debug)]
    #[must_use = "the other side waits for an answer"]
    pub enum Opening<R> {
        /// `ask`.
        Ask(super::Ask, typed::Dialogue<R, super::Ask>),
    }

    typed::heard! {
        Parts, Opening {
            Ask,
        }
    }

    /// What answers `ask`: `some` or `plan`.
    #[derive(Debug)]
    #[must_use = "the other side waits for an answer"]
    pub enum ToAsk<R> {
        /// `some`.
        Some_(super::Some_, typed::Dialogue<R, super::Some_>),
        /// `plan`.
        Plan(super::Plan, typed::Dialogue<R, super::Plan>),
    }

    typed::heard! {
        Parts, ToAsk {
            Some_,
            Plan,
        }
    }

    /// What answers `some`: `ask`.
    #[derive(Debug)]
    #[must_use = "the other side waits for an answer"]
    pub enum ToSome<R> {
        /// `ask`.
        Ask(super::Ask, typed::Dialogue<R, super::Ask>),
    }

    typed::heard! {
        Parts, ToSome {
            Ask,
        }
    }
}

/// The custom types of `fair/parts:1.0.0`.
pub mod types {
    use std::collections::BTreeMap;

    use ::folkmoot_protocols::typed::{self, kind, shape};

    /// `ct:Plan`.
    #[derive(Debug, Clone, PartialEq, Default)]
    pub struct Plan {
        /// `first = 1`.
        pub first: Option<PlanStep>,
        /// `urgency = 2`.
        pub urgency: PlanUrgency,
        /// `urgencies = 3`.
        pub urgencies: Vec<PlanUrgency>,
        /// `offsets = 4`.
        pub offsets: Vec<i32>,
        /// `until`, which is one of several or none.
        pub until: Option<PlanUntil>,
        /// `sure = 9`.
        pub sure: Option<bool>,
        /// `a = 10`.
        pub a: u64,
        /// `b = 11`.
        pub b: i64,
        /// `c = 12`.
        pub c: u32,
        /// `d = 13`.
        pub d: u64,
        /// `e = 14`.
        pub e: i32,
        /// `f = 15`.
        pub f: f32,
        /// `g = 16`.
        pub g: i32,
        /// `h = 17`.
        pub h: Vec<Vec<u8>>,
        /// `i = 18`.
        pub i: Vec<f64>,
    }

    typed::fields! {
        Plan {
            first: 1 = shape::MaybeNested<PlanStep>,
            urgency: 2 = shape::One<PlanUrgency>,
            urgencies: 3 = shape::Many<PlanUrgency>,
            offsets: 4 = shape::Unpacked<kind::Sint32>,
            until: 5 = PlanUntil,
            sure: 9 = shape::Explicit<bool>,
            a: 10 = shape::One<kind::Uint64>,
            b: 11 = shape::One<kind::Sint64>,
            c: 12 = shape::One<kind::Fixed32>,
            d: 13 = shape::One<kind::Fixed64>,
            e: 14 = shape::One<kind::Sfixed32>,
            f: 15 = shape::One<f32>,
            g: 16 = shape::One<kind::Int32>,
            h: 17 = shape::Many<Vec<u8>>,
            i: 18 = shape::Many<kind::Double>,
        }
    }

    /// What `until` of `Plan` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum PlanUntil {
        /// `date = 5`.
        ///
        /// A date.
        Date(String),
        /// `count = 6`.
        Count(u32),
        /// `step = 7`.
        Step(PlanStep),
        /// `least = 8`.
        Least(PlanUrgency),
    }

    typed::oneof! {
        PlanUntil {
            Date: 5 = shape::Whole<String>,
            Count: 6 = shape::Whole<kind::Uint32>,
            Step: 7 = shape::Nested<PlanStep>,
            Least: 8 = shape::Whole<PlanUrgency>,
        }
    }

    /// `Plan.Urgency`.
    ///
    /// How soon.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub enum PlanUrgency {
        /// `BELOW = -1`.
        Below,
        /// `LOW = 0`.
        #[default]
        Low,
        /// `VERY_HIGH = 2`.
        VeryHigh,
        /// A number that has no name: refused where bytes are read strictly.
        Unnamed(i32),
    }

    typed::enumeration! {
        PlanUrgency, Unnamed {
            Below = -1,
            Low = 0,
            VeryHigh = 2,
        }
    }

    #[allow(non_upper_case_globals, reason = "named as its like")]
    impl PlanUrgency {
        /// `HIGHEST = 2`.
        pub const Highest: PlanUrgency = PlanUrgency::VeryHigh;
    }

    /// `Plan.Step`.
    ///
    /// A step, which
    /// may have steps.
    #[derive(Debug, Clone, PartialEq, Default)]
    pub struct PlanStep {
        /// `match = 1`.
        pub r#match: String,
        /// `steps = 2`.
        pub steps: Vec<PlanStep>,
        /// `instead = 3`.
        pub instead: Option<Box<PlanStep>>,
        /// `urgencies = 4`.
        pub urgencies: BTreeMap<String, PlanUrgency>,
        /// `places = 5`.
        pub places: BTreeMap<i32, PlanStepPlace>,
    }

    typed::fields! {
        PlanStep {
            r#match: 1 = shape::One<String>,
            steps: 2 = shape::ManyNested<PlanStep>,
            instead: 3 = shape::MaybeNested<PlanStep, Box<PlanStep>>,
            urgencies: 4 = shape::Map<String, shape::Whole<PlanUrgency>>,
            places: 5 = shape::Map<kind::Int32, shape::Nested<PlanStepPlace>>,
        }
    }

    /// `Plan.Step.Place`.
    #[derive(Debug, Clone, PartialEq, Default)]
    pub struct PlanStepPlace {
        /// `x = 1`.
        pub x: f64,
        /// `y = 2`.
        pub y: i64,
    }

    typed::fields! {
        PlanStepPlace {
            x: 1 = shape::One<kind::Double>,
            y: 2 = shape::One<kind::Sfixed64>,
        }
    }
}

/// What all of this was generated from.
const SPECIFICATION: &str = r#"---
name: parts
author: fair
version: 1.0.0
description: 'All that custom types may hold. Not [a link], and <b>not</b> markup.'
license: MIT
aea_version: ">=1.0.0, <2.0.0"
protocol_specification_id: fair/parts:1.0.0
speech_acts:
  ask:
    type: pt:str
    numbers: pt:optional[pt:set[pt:float]]
    perhaps: pt:optional[ct:Plan]
  some:
    plan: ct:Plan
    many: pt:list[pt:bytes]
    flags: pt:list[pt:bool]
    by_flag: pt:dict[pt:bool, pt:float]
  plan: {}
...
---
ct:Plan: |
  // How soon.
  enum Urgency {
    option allow_alias = true;
    LOW = 0;
    VERY_HIGH = 2;
    HIGHEST = 2;
    BELOW = -1;
  }
  // A step, which
  // may have steps.
  message Step {
    string match = 1;
    repeated Step steps = 2;
    optional Step instead = 3;
    map<string, Urgency> urgencies = 4;
    message Place { double x = 1; sfixed64 y = 2; }
    map<int32, Place> places = 5;
  }
  Step first = 1;
  Urgency urgency = 2;
  repeated Urgency urgencies = 3;
  repeated sint32 offsets = 4 [packed = false];
  oneof until {
    // A date.
    string date = 5;
    uint32 count = 6;
    Step step = 7;
    Urgency least = 8;
  }
  optional bool sure = 9;
  uint64 a = 10;
  sint64 b = 11;
  fixed32 c = 12;
  fixed64 d = 13;
  sfixed32 e = 14;
  float f = 15;
  int32 g = 16;
  repeated bytes h = 17;
  repeated double i = 18;
...
---
initiation: [ask]
reply:
  ask: [some, plan]
  some: [ask]
  plan: []
termination: [plan]
roles: {agent}
end_states: []
keep_terminal_state_dialogues: false
"#;
