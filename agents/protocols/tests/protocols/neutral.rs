//! Messages as JSON: all that is wrong in a line is told, nothing is passed over.

use folkmoot_protocols::Neutral;

use crate::recorded::every_type;

fn line(performative: &str, contents: &str) -> String {
    format!(
        r#"{{"performative":"{performative}","dialogue_reference":["s",""],"message_id":1,"target":0,"contents":{contents}}}"#
    )
}

fn again(performative: &str, contents: &str) -> Result<String, String> {
    let read = Neutral::read(&every_type(), &line(performative, contents));
    read.map(|neutral| neutral.to_json()).map_err(|error| error.to_string())
}

#[test]
fn what_is_read_is_written_the_same() {
    let zebra = r#"{"stripes":{"int":-9223372036854775808}}"#;
    assert_eq!(again("Zebra", zebra), Ok(line("Zebra", zebra)));
    let lists = r#"{"list_of_bool":{"list":[{"bool":true}],"of":"pt:bool"},"list_of_bytes":{"list":[],"of":"pt:bytes"},"list_of_float":{"list":[{"f32":"7fc00001","float":"nan"}],"of":"pt:float"},"list_of_int":{"list":[{"int":5},{"int":5}],"of":"pt:int"},"list_of_str":{"list":[{"str":"b"},{"str":"a"}],"of":"pt:str"}}"#;
    assert_eq!(again("lists", lists), Ok(line("lists", lists)));
}

#[test]
fn elements_may_be_plain_and_entries_in_any_order() {
    let plain = r#"{"list_of_bool":{"list":[true]},"list_of_bytes":{"list":["00ff"],"of":"pt:bytes"},"list_of_float":{"list":[0.5,"-inf"]},"list_of_int":{"list":[5]},"list_of_str":{"list":["b"],"of":"pt:str"}}"#;
    let tagged = r#"{"list_of_bool":{"list":[{"bool":true}],"of":"pt:bool"},"list_of_bytes":{"list":[{"bytes":"00ff"}],"of":"pt:bytes"},"list_of_float":{"list":[{"f32":"3f000000","float":"0.5"},{"f32":"ff800000","float":"-inf"}],"of":"pt:float"},"list_of_int":{"list":[{"int":5}],"of":"pt:int"},"list_of_str":{"list":[{"str":"b"}],"of":"pt:str"}}"#;
    assert_eq!(again("lists", plain), Ok(line("lists", tagged)));
    let unordered = r#"{"maybe_dict":{"dict":[["b",1],["a","0.5"]]}}"#;
    let sorted = r#"{"maybe_dict":{"dict":[[{"str":"a"},{"f32":"3f000000","float":"0.5"}],[{"str":"b"},{"f32":"3f800000","float":"1.0"}]],"of":["pt:str","pt:float"]}}"#;
    assert_eq!(again("optionals", unordered), Ok(line("optionals", sorted)));
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (performative, contents, reason) in [
        ("nope", "{}", "has no performative \"nope\""),
        ("Zebra", "{}", "Zebra.stripes is missing"),
        (
            "Zebra",
            r#"{"stripes":{"int":9223372036854775808}}"#,
            "Zebra.stripes: 9223372036854775808 is no integer of 64 bits",
        ),
        ("Zebra", r#"{"stripes":{"int":1.0}}"#, "is no integer"),
        ("Zebra", r#"{"stripes":{"int":"1"}}"#, "is no integer"),
        ("Zebra", r#"{"stripes":{"bool":true}}"#, "Zebra.stripes must be pt:int, found pt:bool"),
        ("Zebra", r#"{"stripes":{}}"#, "does not say what it is"),
        ("Zebra", r#"{"stripes":{"int":1,"str":"1"}}"#, "says that it is int and str"),
        ("Zebra", r#"{"stripes":{"int":1,"of":"pt:int"}}"#, "\"of\" has no place beside"),
        ("Zebra", r#"{"stripes":{"number":1}}"#, "there is no field `number`"),
        ("Zebra", r#"{"stripes":{"int":1},"stripes":{"int":1}}"#, "was given twice"),
        ("Zebra", r#"{"stripes":{"int":1},"dots":{"int":1}}"#, "no content \"dots\""),
        ("Zebra", r#"{"stripes":5}"#, "there must be an object that says what the value is"),
        (
            "optionals",
            r#"{"maybe_float":{"float":"1e39"}}"#,
            "optionals.maybe_float: the float 1e39 does not fit 32 bits",
        ),
        ("optionals", r#"{"maybe_float":{"float":"-1e400"}}"#, "the float -1e400 does not fit 32 bits"),
        ("optionals", r#"{"maybe_dict":{"dict":[["a",1,2]]}}"#, "after the second of a list of two"),
        ("optionals", r#"{"maybe_float":{"float":"1.0","f32":"3f000000"}}"#, "are two numbers"),
        ("optionals", r#"{"maybe_float":{"float":"one"}}"#, "is no float"),
        ("optionals", r#"{"maybe_bytes":{"bytes":"abc"}}"#, "no whole bytes"),
        ("optionals", r#"{"maybe_bytes":{"bytes":"zz"}}"#, "no hexadecimal digit"),
        ("optionals", r#"{"maybe_set":{"set":[{"int":1},{"int":1}],"of":"pt:int"}}"#, "an element twice"),
        (
            "optionals",
            r#"{"maybe_set":{"set":[{"str":"a"}],"of":"pt:int"}}"#,
            "an element is pt:str, it must be pt:int",
        ),
        (
            "optionals",
            r#"{"maybe_set":{"set":[],"of":"pt:str"}}"#,
            "must be pt:optional[pt:set[pt:int]], found pt:set[pt:str]",
        ),
        ("optionals", r#"{"maybe_set":{"list":[],"of":"pt:int"}}"#, "found pt:list[pt:int]"),
        ("optionals", r#"{"maybe_set":{"set":[],"of":"int64"}}"#, "is no primitive type"),
        ("optionals", r#"{"maybe_dict":{"dict":[["a",1],["a",1]]}}"#, "a key twice"),
        (
            "optionals",
            r#"{"maybe_dict":{"dict":[],"of":["pt:str","pt:str"]}}"#,
            "must be pt:dict[pt:str, pt:float]",
        ),
        ("optionals", r#"{"maybe_tree":{"ct":"Thing","raw":""}}"#, "must be ct:Tree, found ct:Thing"),
        ("optionals", r#"{"maybe_tree":{"ct":"Tree","raw":"ff"}}"#, "are no message of the custom type Tree"),
        ("optionals", r#"{"maybe_tree":{"ct":"Tree"}}"#, "a custom type is"),
        (
            "optional_unions",
            r#"{"before":{"int":1}}"#,
            "must be pt:optional[pt:union[pt:int, pt:str]], found pt:int",
        ),
        (
            "optional_unions",
            r#"{"before":{"union":"pt:bool","value":{"bool":true}}}"#,
            "pt:bool is none of its types; they are pt:int, pt:str",
        ),
        (
            "optional_unions",
            r#"{"before":{"union":"pt:int","value":{"str":"a"}}}"#,
            "its value must be pt:int, found pt:str",
        ),
        ("optional_unions", r#"{"before":{"union":"pt:int"}}"#, "needs its value"),
        ("nothing", r#"[]"#, "an object of contents by name"),
    ] {
        let error = again(performative, contents).unwrap_err();
        assert!(error.contains(reason), "{contents}: {error:?} says nothing of {reason:?}");
    }
}

#[test]
fn a_line_is_whole_and_of_this_protocol() {
    let whole = line("nothing", "{}");
    let read = |json: &str| Neutral::read(&every_type(), json).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(read(&whole), Ok(()));
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "{end}");
    }
    let with = |fields: &str| read(&whole.replace(r#""target":0"#, &format!(r#""target":0,{fields}"#)));
    assert_eq!(with(r#""spec":"what I call it","sender":"a","to":"b""#), Ok(()));
    assert_eq!(with(r#""spec":"folkmoot/every_type:1.0.0""#), Ok(()));
    assert!(with(r#""spec":"folkmoot/every_type:2.0.0""#).unwrap_err().contains("the message is of"));
    assert!(with(r#""from":"a""#).unwrap_err().contains("there is no field `from`"));
    assert!(with(r#""target":0"#).unwrap_err().contains("the field `target` stands there twice"));
    let id = |id: &str| read(&whole.replace(r#""message_id":1"#, &format!(r#""message_id":{id}"#)));
    assert_eq!(id("-2147483648"), Ok(()));
    for wrong in ["2147483648", "1.0", "\"1\"", "null"] {
        assert!(id(wrong).is_err(), "{wrong}");
    }
    assert!(read(&"[".repeat(100_000)).is_err());
}
