//! The structure of custom types: all that protobuf's language has for them.

use folkmoot_protocols::Specification;
use folkmoot_protocols::custom_type::{Cardinality, FieldType, Message, ScalarType};

use crate::specification::BARTER;

const FIELDS: &str = r#"ct:Wish: |
  // How soon.
  enum Urgency {
    option allow_alias = true;
    LOW = 0;
    // At once.
    HIGH = 7;
    SOON = 7;
    NEVER = -1;
  }
  message Range {
    message Bound { double at = 1; }
    Bound from = 1;
    Bound to = 2;
    Wish instead = 3;
  }
  bytes seal = 2047;
  Urgency urgency = 1;
  repeated string goods = 2;
  repeated sint32 sizes = 3;
  repeated fixed64 codes = 4 [packed = false];
  map<uint32, Range> ranges = 5;
  map<string, Urgency> urgencies = 6;
  optional bool gift = 7;
  // Where to.
  oneof place {
    string address = 8;
    Range.Bound height = 9;
  }
  reserved 10 to 20;
"#;

fn barter_with(fields: &str) -> Specification {
    let (before, rest) = BARTER.split_once("ct:Wish: |").unwrap();
    let text = format!("{before}{fields}...\n{}", rest.split_once("...\n").unwrap().1);
    let (specification, _) = Specification::read(text).unwrap_or_else(|findings| panic!("{findings}"));
    specification
}

fn wish() -> Message {
    let mut structures = barter_with(FIELDS).custom_type_structures().unwrap();
    assert_eq!(structures.len(), 1);
    structures.remove("Wish").unwrap()
}

#[test]
fn fields_have_their_names_numbers_types_and_cardinalities() {
    use Cardinality::{Map, Optional, Repeated, Single};
    let wish = wish();
    let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let (urgency, range) =
        (FieldType::Enum(path(&["Wish", "Urgency"])), FieldType::Message(path(&["Wish", "Range"])));
    let bound = FieldType::Message(path(&["Wish", "Range", "Bound"]));
    let scalar = FieldType::Scalar;
    let expected = [
        ("seal", 2047, scalar(ScalarType::Bytes), Single, None),
        ("urgency", 1, urgency.clone(), Single, None),
        ("goods", 2, scalar(ScalarType::String), Repeated { packed: false }, None),
        ("sizes", 3, scalar(ScalarType::Sint32), Repeated { packed: true }, None),
        ("codes", 4, scalar(ScalarType::Fixed64), Repeated { packed: false }, None),
        ("ranges", 5, range, Map { key: ScalarType::Uint32 }, None),
        ("urgencies", 6, urgency, Map { key: ScalarType::String }, None),
        ("gift", 7, scalar(ScalarType::Bool), Optional, None),
        ("address", 8, scalar(ScalarType::String), Optional, Some(0)),
        ("height", 9, bound, Optional, Some(0)),
    ];
    assert_eq!(wish.fields.len(), expected.len());
    for (field, (name, number, field_type, cardinality, oneof)) in wish.fields.iter().zip(expected) {
        assert_eq!((field.name.as_str(), field.number), (name, number));
        assert_eq!(
            (&field.field_type, field.cardinality, field.oneof),
            (&field_type, cardinality, oneof),
            "{name}"
        );
    }
}

#[test]
fn what_is_nested_comes_with_it_and_what_is_written_about_it() {
    let wish = wish();
    assert_eq!(wish.oneofs.len(), 1, "one for `optional` is nobody's");
    assert_eq!((wish.oneofs[0].name.as_str(), wish.oneofs[0].doc.as_str()), ("place", "Where to."));
    assert_eq!(wish.enums.len(), 1);
    assert_eq!(wish.enums[0].doc, "How soon.");
    let values: Vec<(&str, i32, &str)> = wish.enums[0]
        .values
        .iter()
        .map(|value| (value.name.as_str(), value.number, value.doc.as_str()))
        .collect();
    assert_eq!(values, [("LOW", 0, ""), ("HIGH", 7, "At once."), ("SOON", 7, ""), ("NEVER", -1, "")]);
    assert_eq!(wish.messages.len(), 1, "entries of maps are nobody's");
    let range = &wish.messages[0];
    assert_eq!((range.name.as_str(), range.messages[0].name.as_str()), ("Range", "Bound"));
    assert_eq!(range.messages[0].fields[0].field_type, FieldType::Scalar(ScalarType::Double));
    assert_eq!(
        range.fields[2].field_type,
        FieldType::Message(vec!["Wish".to_owned()]),
        "also the one around it"
    );
}

#[test]
fn the_schema_has_the_numbers_of_the_wire() {
    let schema = barter_with("ct:Wish: 'string what = 1;'\n").proto_schema();
    let expected = r#"syntax = "proto3";

package aea.fair.barter.v0_3_0;

message BarterMessage {
  message Wish {
string what = 1;
  }

  message Offer_Performative {
    map<string, int64> goods = 1;
    int64 until = 2;
    bool until_is_set = 3;
    string wish_type_str = 4;
    bool wish_type_str_is_set = 5;
    Wish wish_type_Wish = 6;
    bool wish_type_Wish_is_set = 7;
    repeated string wish_type_list_of_str = 8;
    bool wish_type_list_of_str_is_set = 9;
  }

  message Counter_Performative {
    map<string, int64> goods = 1;
    float rating = 2;
  }

  message Shake_Performative {
    bytes seal = 1;
    bool in_person = 2;
    repeated string witnesses = 3;
    string note_type_str = 4;
    bool note_type_str_is_set = 5;
    bytes note_type_bytes = 6;
    bool note_type_bytes_is_set = 7;
    bool note_is_set = 8;
  }

  message Walk_Away_Performative {
  }

  oneof performative {
    Counter_Performative counter = 5;
    Offer_Performative offer = 6;
    Shake_Performative shake = 7;
    Walk_Away_Performative walk_away = 8;
  }
}
"#;
    assert_eq!(schema, expected);
}
