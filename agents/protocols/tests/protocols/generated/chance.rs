//! By chance 20.
//!
//! The types of the protocol `fair/chance:1.0.0` (`fair/chance`, version 1.0.0): [`Chance`] is all that may be said in it.
//! Generated from its specification by Folkmoot: change that, and generate this anew.

#![allow(dead_code, unreachable_pub, reason = "a program may use a part of it")]
#![allow(clippy::large_enum_variant, reason = "some messages are large")]

use std::collections::{BTreeMap, BTreeSet};

use ::folkmoot_protocols::typed::{self, shape};

/// All that may be said in `fair/chance:1.0.0`.
#[derive(Debug, Clone, PartialEq)]
pub enum Chance {
    /// `act_0`.
    Act0(Act0),
    /// `act_1`.
    Act1(Act1),
    /// `act_10`.
    Act10(Act10),
    /// `act_11`.
    Act11(Act11),
    /// `act_2`.
    Act2(Act2),
    /// `act_3`.
    Act3(Act3),
    /// `act_4`.
    Act4(Act4),
    /// `act_5`.
    Act5(Act5),
    /// `act_6`.
    Act6(Act6),
    /// `act_7`.
    Act7(Act7),
    /// `act_8`.
    Act8(Act8),
    /// `act_9`.
    Act9(Act9),
}

typed::protocol! {
    Chance, "fair/chance:1.0.0", SPECIFICATION;
    Act0 = 0 "act_0",
    Act1 = 1 "act_1",
    Act10 = 2 "act_10",
    Act11 = 3 "act_11",
    Act2 = 4 "act_2",
    Act3 = 5 "act_3",
    Act4 = 6 "act_4",
    Act5 = 7 "act_5",
    Act6 = 8 "act_6",
    Act7 = 9 "act_7",
    Act8 = 10 "act_8",
    Act9 = 11 "act_9",
}

/// `act_0`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act0 {
    /// `content_0_0: pt:optional[pt:union[pt:list[pt:bool], pt:str, pt:float, pt:list[pt:bytes]]]`.
    pub content_0_0: Option<unions::Content00>,
}

typed::fields! {
    Act0 {
        content_0_0: 1 = shape::MaybeUnion<unions::Content00>,
    }
}

/// `act_1`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act1 {
    /// `content_1_0: pt:optional[pt:set[pt:float]]`.
    pub content_1_0: Option<BTreeSet<typed::Float>>,
    /// `content_1_1: pt:optional[pt:union[pt:int, pt:dict[pt:int, pt:int], pt:dict[pt:str, pt:int]]]`.
    pub content_1_1: Option<unions::Content11>,
    /// `content_1_2: pt:optional[pt:union[pt:set[pt:bool], pt:set[pt:float]]]`.
    pub content_1_2: Option<unions::Content12>,
}

typed::fields! {
    Act1 {
        content_1_0: 1 = shape::Flagged<shape::SetOf<typed::Float>>,
        content_1_1: 3 = shape::MaybeUnion<unions::Content11>,
        content_1_2: 10 = shape::MaybeUnion<unions::Content12>,
    }
}

/// `act_2`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act2 {
    /// `content_2_0: pt:union[pt:dict[pt:str, pt:str], pt:dict[pt:int, pt:str], pt:bool, pt:set[pt:bytes]]`.
    pub content_2_0: unions::Content20,
    /// `content_2_1: pt:optional[pt:int]`.
    pub content_2_1: Option<i64>,
    /// `content_2_2: pt:optional[pt:list[pt:str]]`.
    pub content_2_2: Option<Vec<String>>,
    /// `content_2_3: pt:union[pt:set[pt:float], pt:dict[pt:bool, pt:float], pt:set[pt:bytes], pt:list[pt:int]]`.
    pub content_2_3: unions::Content23,
}

typed::fields! {
    Act2 {
        content_2_0: 1 = unions::Content20,
        content_2_1: 9 = shape::Flagged<shape::One<i64>>,
        content_2_2: 11 = shape::Flagged<shape::Many<String>>,
        content_2_3: 13 = unions::Content23,
    }
}

/// `act_3`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act3 {
    /// `content_3_0: pt:optional[pt:bool]`.
    pub content_3_0: Option<bool>,
    /// `content_3_1: pt:optional[pt:bytes]`.
    pub content_3_1: Option<Vec<u8>>,
    /// `content_3_2: pt:union[pt:set[pt:bool], pt:dict[pt:bool, pt:float], pt:str, pt:float]`.
    pub content_3_2: unions::Content32,
    /// `content_3_3: pt:optional[pt:int]`.
    pub content_3_3: Option<i64>,
    /// `content_3_4: pt:union[pt:str, pt:bool, pt:set[pt:float], pt:set[pt:bool]]`.
    pub content_3_4: unions::Content34,
}

typed::fields! {
    Act3 {
        content_3_0: 1 = shape::Flagged<shape::One<bool>>,
        content_3_1: 3 = shape::Flagged<shape::One<Vec<u8>>>,
        content_3_2: 5 = unions::Content32,
        content_3_3: 13 = shape::Flagged<shape::One<i64>>,
        content_3_4: 15 = unions::Content34,
    }
}

/// `act_4`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act4 {
    /// `content_4_0: pt:union[pt:dict[pt:int, pt:float], pt:set[pt:float], pt:float, pt:str]`.
    pub content_4_0: unions::Content40,
}

typed::fields! {
    Act4 {
        content_4_0: 1 = unions::Content40,
    }
}

/// `act_5`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act5 {
    /// `content_5_0: pt:optional[pt:union[pt:set[pt:str], pt:bytes, pt:str, pt:dict[pt:bool, pt:bytes]]]`.
    pub content_5_0: Option<unions::Content50>,
}

typed::fields! {
    Act5 {
        content_5_0: 1 = shape::MaybeUnion<unions::Content50>,
    }
}

/// `act_6`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act6 {
    /// `content_6_0: pt:union[pt:list[pt:bytes], pt:dict[pt:int, pt:bool], pt:set[pt:bytes], pt:dict[pt:bool, pt:float]]`.
    pub content_6_0: unions::Content60,
    /// `content_6_1: pt:optional[pt:set[pt:float]]`.
    pub content_6_1: Option<BTreeSet<typed::Float>>,
    /// `content_6_2: pt:optional[pt:list[pt:bytes]]`.
    pub content_6_2: Option<Vec<Vec<u8>>>,
    /// `content_6_3: pt:optional[pt:union[pt:int, pt:bytes, pt:dict[pt:bool, pt:str]]]`.
    pub content_6_3: Option<unions::Content63>,
}

typed::fields! {
    Act6 {
        content_6_0: 1 = unions::Content60,
        content_6_1: 9 = shape::Flagged<shape::SetOf<typed::Float>>,
        content_6_2: 11 = shape::Flagged<shape::Many<Vec<u8>>>,
        content_6_3: 13 = shape::MaybeUnion<unions::Content63>,
    }
}

/// `act_7`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act7 {
    /// `content_7_0: pt:optional[pt:union[pt:list[pt:float], pt:bool, pt:dict[pt:int, pt:float]]]`.
    pub content_7_0: Option<unions::Content70>,
    /// `content_7_1: pt:optional[pt:union[pt:set[pt:float], pt:float]]`.
    pub content_7_1: Option<unions::Content71>,
    /// `content_7_2: pt:union[pt:float, pt:dict[pt:int, pt:int], pt:set[pt:str], pt:list[pt:int]]`.
    pub content_7_2: unions::Content72,
    /// `content_7_3: pt:int`.
    pub content_7_3: i64,
}

typed::fields! {
    Act7 {
        content_7_0: 1 = shape::MaybeUnion<unions::Content70>,
        content_7_1: 8 = shape::MaybeUnion<unions::Content71>,
        content_7_2: 13 = unions::Content72,
        content_7_3: 21 = shape::One<i64>,
    }
}

/// `act_8`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act8 {
    /// `content_8_0: pt:int`.
    pub content_8_0: i64,
    /// `content_8_1: pt:optional[pt:list[pt:int]]`.
    pub content_8_1: Option<Vec<i64>>,
}

typed::fields! {
    Act8 {
        content_8_0: 1 = shape::One<i64>,
        content_8_1: 2 = shape::Flagged<shape::Many<i64>>,
    }
}

/// `act_9`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act9 {
    /// `content_9_0: pt:optional[pt:union[pt:dict[pt:str, pt:float], pt:list[pt:float], pt:float, pt:dict[pt:str, pt:bool]]]`.
    pub content_9_0: Option<unions::Content90>,
    /// `content_9_1: pt:optional[pt:bool]`.
    pub content_9_1: Option<bool>,
    /// `content_9_2: pt:union[pt:set[pt:bool], pt:str, pt:set[pt:str], pt:float]`.
    pub content_9_2: unions::Content92,
    /// `content_9_3: pt:dict[pt:str, pt:bytes]`.
    pub content_9_3: BTreeMap<String, Vec<u8>>,
    /// `content_9_4: pt:optional[pt:union[pt:list[pt:int], pt:str]]`.
    pub content_9_4: Option<unions::Content94>,
}

typed::fields! {
    Act9 {
        content_9_0: 1 = shape::MaybeUnion<unions::Content90>,
        content_9_1: 10 = shape::Flagged<shape::One<bool>>,
        content_9_2: 12 = unions::Content92,
        content_9_3: 20 = shape::Map<String, shape::Whole<Vec<u8>>>,
        content_9_4: 21 = shape::MaybeUnion<unions::Content94>,
    }
}

/// `act_10`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act10 {
    /// `content_10_0: pt:str`.
    pub content_10_0: String,
    /// `content_10_1: pt:optional[pt:str]`.
    pub content_10_1: Option<String>,
    /// `content_10_2: pt:optional[pt:bytes]`.
    pub content_10_2: Option<Vec<u8>>,
    /// `content_10_3: pt:optional[pt:union[pt:list[pt:bool], pt:list[pt:float], pt:str]]`.
    pub content_10_3: Option<unions::Content103>,
    /// `content_10_4: pt:union[pt:bytes, pt:bool, pt:str, pt:set[pt:bool]]`.
    pub content_10_4: unions::Content104,
}

typed::fields! {
    Act10 {
        content_10_0: 1 = shape::One<String>,
        content_10_1: 2 = shape::Flagged<shape::One<String>>,
        content_10_2: 4 = shape::Flagged<shape::One<Vec<u8>>>,
        content_10_3: 6 = shape::MaybeUnion<unions::Content103>,
        content_10_4: 13 = unions::Content104,
    }
}

/// `act_11`.
#[derive(Debug, Clone, PartialEq)]
pub struct Act11 {
    /// `content_11_0: pt:str`.
    pub content_11_0: String,
    /// `content_11_1: pt:optional[pt:bool]`.
    pub content_11_1: Option<bool>,
}

typed::fields! {
    Act11 {
        content_11_0: 1 = shape::One<String>,
        content_11_1: 2 = shape::Flagged<shape::One<bool>>,
    }
}

/// The contents that are one of several types.
pub mod unions {
    use std::collections::{BTreeMap, BTreeSet};

    use ::folkmoot_protocols::typed::{self, shape};

    /// What `content_0_0` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content00 {
        /// `pt:list[pt:bool]`.
        ListOfBool(Vec<bool>),
        /// `pt:str`.
        Str(String),
        /// `pt:float`.
        Float(f32),
        /// `pt:list[pt:bytes]`.
        ListOfBytes(Vec<Vec<u8>>),
    }

    typed::union! {
        Content00 {
            ListOfBool: 0 = shape::Many<bool>,
            Str: 2 = shape::One<String>,
            Float: 4 = shape::One<f32>,
            ListOfBytes: 6 = shape::Many<Vec<u8>>,
        }
    }

    /// What `content_1_1` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content11 {
        /// `pt:int`.
        Int(i64),
        /// `pt:dict[pt:int, pt:int]`.
        DictOfIntInt(BTreeMap<i64, i64>),
        /// `pt:dict[pt:str, pt:int]`.
        DictOfStrInt(BTreeMap<String, i64>),
    }

    typed::union! {
        Content11 {
            Int: 0 = shape::One<i64>,
            DictOfIntInt: 2 = shape::Map<i64, shape::Whole<i64>>,
            DictOfStrInt: 4 = shape::Map<String, shape::Whole<i64>>,
        }
    }

    /// What `content_1_2` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content12 {
        /// `pt:set[pt:bool]`.
        SetOfBool(BTreeSet<bool>),
        /// `pt:set[pt:float]`.
        SetOfFloat(BTreeSet<typed::Float>),
    }

    typed::union! {
        Content12 {
            SetOfBool: 0 = shape::SetOf<bool>,
            SetOfFloat: 2 = shape::SetOf<typed::Float>,
        }
    }

    /// What `content_2_0` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content20 {
        /// `pt:dict[pt:str, pt:str]`.
        DictOfStrStr(BTreeMap<String, String>),
        /// `pt:dict[pt:int, pt:str]`.
        DictOfIntStr(BTreeMap<i64, String>),
        /// `pt:bool`.
        Bool(bool),
        /// `pt:set[pt:bytes]`.
        SetOfBytes(BTreeSet<Vec<u8>>),
    }

    typed::union! {
        Content20 {
            DictOfStrStr: 0 = shape::Map<String, shape::Whole<String>>,
            DictOfIntStr: 2 = shape::Map<i64, shape::Whole<String>>,
            Bool: 4 = shape::One<bool>,
            SetOfBytes: 6 = shape::SetOf<Vec<u8>>,
        }
    }

    /// What `content_2_3` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content23 {
        /// `pt:set[pt:float]`.
        SetOfFloat(BTreeSet<typed::Float>),
        /// `pt:dict[pt:bool, pt:float]`.
        DictOfBoolFloat(BTreeMap<bool, f32>),
        /// `pt:set[pt:bytes]`.
        SetOfBytes(BTreeSet<Vec<u8>>),
        /// `pt:list[pt:int]`.
        ListOfInt(Vec<i64>),
    }

    typed::union! {
        Content23 {
            SetOfFloat: 0 = shape::SetOf<typed::Float>,
            DictOfBoolFloat: 2 = shape::Map<bool, shape::Whole<f32>>,
            SetOfBytes: 4 = shape::SetOf<Vec<u8>>,
            ListOfInt: 6 = shape::Many<i64>,
        }
    }

    /// What `content_3_2` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content32 {
        /// `pt:set[pt:bool]`.
        SetOfBool(BTreeSet<bool>),
        /// `pt:dict[pt:bool, pt:float]`.
        DictOfBoolFloat(BTreeMap<bool, f32>),
        /// `pt:str`.
        Str(String),
        /// `pt:float`.
        Float(f32),
    }

    typed::union! {
        Content32 {
            SetOfBool: 0 = shape::SetOf<bool>,
            DictOfBoolFloat: 2 = shape::Map<bool, shape::Whole<f32>>,
            Str: 4 = shape::One<String>,
            Float: 6 = shape::One<f32>,
        }
    }

    /// What `content_3_4` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content34 {
        /// `pt:str`.
        Str(String),
        /// `pt:bool`.
        Bool(bool),
        /// `pt:set[pt:float]`.
        SetOfFloat(BTreeSet<typed::Float>),
        /// `pt:set[pt:bool]`.
        SetOfBool(BTreeSet<bool>),
    }

    typed::union! {
        Content34 {
            Str: 0 = shape::One<String>,
            Bool: 2 = shape::One<bool>,
            SetOfFloat: 4 = shape::SetOf<typed::Float>,
            SetOfBool: 6 = shape::SetOf<bool>,
        }
    }

    /// What `content_4_0` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content40 {
        /// `pt:dict[pt:int, pt:float]`.
        DictOfIntFloat(BTreeMap<i64, f32>),
        /// `pt:set[pt:float]`.
        SetOfFloat(BTreeSet<typed::Float>),
        /// `pt:float`.
        Float(f32),
        /// `pt:str`.
        Str(String),
    }

    typed::union! {
        Content40 {
            DictOfIntFloat: 0 = shape::Map<i64, shape::Whole<f32>>,
            SetOfFloat: 2 = shape::SetOf<typed::Float>,
            Float: 4 = shape::One<f32>,
            Str: 6 = shape::One<String>,
        }
    }

    /// What `content_5_0` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content50 {
        /// `pt:set[pt:str]`.
        SetOfStr(BTreeSet<String>),
        /// `pt:bytes`.
        Bytes(Vec<u8>),
        /// `pt:str`.
        Str(String),
        /// `pt:dict[pt:bool, pt:bytes]`.
        DictOfBoolBytes(BTreeMap<bool, Vec<u8>>),
    }

    typed::union! {
        Content50 {
            SetOfStr: 0 = shape::SetOf<String>,
            Bytes: 2 = shape::One<Vec<u8>>,
            Str: 4 = shape::One<String>,
            DictOfBoolBytes: 6 = shape::Map<bool, shape::Whole<Vec<u8>>>,
        }
    }

    /// What `content_6_0` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content60 {
        /// `pt:list[pt:bytes]`.
        ListOfBytes(Vec<Vec<u8>>),
        /// `pt:dict[pt:int, pt:bool]`.
        DictOfIntBool(BTreeMap<i64, bool>),
        /// `pt:set[pt:bytes]`.
        SetOfBytes(BTreeSet<Vec<u8>>),
        /// `pt:dict[pt:bool, pt:float]`.
        DictOfBoolFloat(BTreeMap<bool, f32>),
    }

    typed::union! {
        Content60 {
            ListOfBytes: 0 = shape::Many<Vec<u8>>,
            DictOfIntBool: 2 = shape::Map<i64, shape::Whole<bool>>,
            SetOfBytes: 4 = shape::SetOf<Vec<u8>>,
            DictOfBoolFloat: 6 = shape::Map<bool, shape::Whole<f32>>,
        }
    }

    /// What `content_6_3` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content63 {
        /// `pt:int`.
        Int(i64),
        /// `pt:bytes`.
        Bytes(Vec<u8>),
        /// `pt:dict[pt:bool, pt:str]`.
        DictOfBoolStr(BTreeMap<bool, String>),
    }

    typed::union! {
        Content63 {
            Int: 0 = shape::One<i64>,
            Bytes: 2 = shape::One<Vec<u8>>,
            DictOfBoolStr: 4 = shape::Map<bool, shape::Whole<String>>,
        }
    }

    /// What `content_7_0` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content70 {
        /// `pt:list[pt:float]`.
        ListOfFloat(Vec<f32>),
        /// `pt:bool`.
        Bool(bool),
        /// `pt:dict[pt:int, pt:float]`.
        DictOfIntFloat(BTreeMap<i64, f32>),
    }

    typed::union! {
        Content70 {
            ListOfFloat: 0 = shape::Many<f32>,
            Bool: 2 = shape::One<bool>,
            DictOfIntFloat: 4 = shape::Map<i64, shape::Whole<f32>>,
        }
    }

    /// What `content_7_1` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content71 {
        /// `pt:set[pt:float]`.
        SetOfFloat(BTreeSet<typed::Float>),
        /// `pt:float`.
        Float(f32),
    }

    typed::union! {
        Content71 {
            SetOfFloat: 0 = shape::SetOf<typed::Float>,
            Float: 2 = shape::One<f32>,
        }
    }

    /// What `content_7_2` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content72 {
        /// `pt:float`.
        Float(f32),
        /// `pt:dict[pt:int, pt:int]`.
        DictOfIntInt(BTreeMap<i64, i64>),
        /// `pt:set[pt:str]`.
        SetOfStr(BTreeSet<String>),
        /// `pt:list[pt:int]`.
        ListOfInt(Vec<i64>),
    }

    typed::union! {
        Content72 {
            Float: 0 = shape::One<f32>,
            DictOfIntInt: 2 = shape::Map<i64, shape::Whole<i64>>,
            SetOfStr: 4 = shape::SetOf<String>,
            ListOfInt: 6 = shape::Many<i64>,
        }
    }

    /// What `content_9_0` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content90 {
        /// `pt:dict[pt:str, pt:float]`.
        DictOfStrFloat(BTreeMap<String, f32>),
        /// `pt:list[pt:float]`.
        ListOfFloat(Vec<f32>),
        /// `pt:float`.
        Float(f32),
        /// `pt:dict[pt:str, pt:bool]`.
        DictOfStrBool(BTreeMap<String, bool>),
    }

    typed::union! {
        Content90 {
            DictOfStrFloat: 0 = shape::Map<String, shape::Whole<f32>>,
            ListOfFloat: 2 = shape::Many<f32>,
            Float: 4 = shape::One<f32>,
            DictOfStrBool: 6 = shape::Map<String, shape::Whole<bool>>,
        }
    }

    /// What `content_9_2` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content92 {
        /// `pt:set[pt:bool]`.
        SetOfBool(BTreeSet<bool>),
        /// `pt:str`.
        Str(String),
        /// `pt:set[pt:str]`.
        SetOfStr(BTreeSet<String>),
        /// `pt:float`.
        Float(f32),
    }

    typed::union! {
        Content92 {
            SetOfBool: 0 = shape::SetOf<bool>,
            Str: 2 = shape::One<String>,
            SetOfStr: 4 = shape::SetOf<String>,
            Float: 6 = shape::One<f32>,
        }
    }

    /// What `content_9_4` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content94 {
        /// `pt:list[pt:int]`.
        ListOfInt(Vec<i64>),
        /// `pt:str`.
        Str(String),
    }

    typed::union! {
        Content94 {
            ListOfInt: 0 = shape::Many<i64>,
            Str: 2 = shape::One<String>,
        }
    }

    /// What `content_10_3` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content103 {
        /// `pt:list[pt:bool]`.
        ListOfBool(Vec<bool>),
        /// `pt:list[pt:float]`.
        ListOfFloat(Vec<f32>),
        /// `pt:str`.
        Str(String),
    }

    typed::union! {
        Content103 {
            ListOfBool: 0 = shape::Many<bool>,
            ListOfFloat: 2 = shape::Many<f32>,
            Str: 4 = shape::One<String>,
        }
    }

    /// What `content_10_4` may be.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Content104 {
        /// `pt:bytes`.
        Bytes(Vec<u8>),
        /// `pt:bool`.
        Bool(bool),
        /// `pt:str`.
        Str(String),
        /// `pt:set[pt:bool]`.
        SetOfBool(BTreeSet<bool>),
    }

    typed::union! {
        Content104 {
            Bytes: 0 = shape::One<Vec<u8>>,
            Bool: 2 = shape::One<bool>,
            Str: 4 = shape::One<String>,
            SetOfBool: 6 = shape::SetOf<bool>,
        }
    }
}

/// What all of this was generated from.
const SPECIFICATION: &str = r#"name: chance
author: fair
version: 1.0.0
description: By chance 20.
license: MIT
aea_version: '>=1.0.0'
protocol_specification_id: fair/chance:1.0.0
speech_acts:
  act_0:
    content_0_0: pt:optional[pt:union[pt:list[pt:bool], pt:str, pt:float, pt:list[pt:bytes]]]
  act_1:
    content_1_0: pt:optional[pt:set[pt:float]]
    content_1_1: pt:optional[pt:union[pt:int, pt:dict[pt:int, pt:int], pt:dict[pt:str, pt:int]]]
    content_1_2: pt:optional[pt:union[pt:set[pt:bool], pt:set[pt:float]]]
  act_2:
    content_2_0: pt:union[pt:dict[pt:str, pt:str], pt:dict[pt:int, pt:str], pt:bool, pt:set[pt:bytes]]
    content_2_1: pt:optional[pt:int]
    content_2_2: pt:optional[pt:list[pt:str]]
    content_2_3: pt:union[pt:set[pt:float], pt:dict[pt:bool, pt:float], pt:set[pt:bytes], pt:list[pt:int]]
  act_3:
    content_3_0: pt:optional[pt:bool]
    content_3_1: pt:optional[pt:bytes]
    content_3_2: pt:union[pt:set[pt:bool], pt:dict[pt:bool, pt:float], pt:str, pt:float]
    content_3_3: pt:optional[pt:int]
    content_3_4: pt:union[pt:str, pt:bool, pt:set[pt:float], pt:set[pt:bool]]
  act_4:
    content_4_0: pt:union[pt:dict[pt:int, pt:float], pt:set[pt:float], pt:float, pt:str]
  act_5:
    content_5_0: pt:optional[pt:union[pt:set[pt:str], pt:bytes, pt:str, pt:dict[pt:bool, pt:bytes]]]
  act_6:
    content_6_0: pt:union[pt:list[pt:bytes], pt:dict[pt:int, pt:bool], pt:set[pt:bytes], pt:dict[pt:bool, pt:float]]
    content_6_1: pt:optional[pt:set[pt:float]]
    content_6_2: pt:optional[pt:list[pt:bytes]]
    content_6_3: pt:optional[pt:union[pt:int, pt:bytes, pt:dict[pt:bool, pt:str]]]
  act_7:
    content_7_0: pt:optional[pt:union[pt:list[pt:float], pt:bool, pt:dict[pt:int, pt:float]]]
    content_7_1: pt:optional[pt:union[pt:set[pt:float], pt:float]]
    content_7_2: pt:union[pt:float, pt:dict[pt:int, pt:int], pt:set[pt:str], pt:list[pt:int]]
    content_7_3: pt:int
  act_8:
    content_8_0: pt:int
    content_8_1: pt:optional[pt:list[pt:int]]
  act_9:
    content_9_0: pt:optional[pt:union[pt:dict[pt:str, pt:float], pt:list[pt:float], pt:float, pt:dict[pt:str, pt:bool]]]
    content_9_1: pt:optional[pt:bool]
    content_9_2: pt:union[pt:set[pt:bool], pt:str, pt:set[pt:str], pt:float]
    content_9_3: pt:dict[pt:str, pt:bytes]
    content_9_4: pt:optional[pt:union[pt:list[pt:int], pt:str]]
  act_10:
    content_10_0: pt:str
    content_10_1: pt:optional[pt:str]
    content_10_2: pt:optional[pt:bytes]
    content_10_3: pt:optional[pt:union[pt:list[pt:bool], pt:list[pt:float], pt:str]]
    content_10_4: pt:union[pt:bytes, pt:bool, pt:str, pt:set[pt:bool]]
  act_11:
    content_11_0: pt:str
    content_11_1: pt:optional[pt:bool]
"#;
