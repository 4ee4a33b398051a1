//! All shipped specifications have types, and these write what the interpreter writes.

use folkmoot_agents::protocols::typed::TypedProtocol;
use folkmoot_agents::protocols::{Body, Message, Reading, Value};

macro_rules! shipped {
    ($($name:literal)*) => { $(folkmoot_agents::protocol!(crate = folkmoot_agents::__private, $name);)* };
}

shipped! {
    "aggregation" "contract_api" "default" "fipa" "http" "ledger_api" "ml_trade" "oef_search" "register" "signing"
    "state_update"
}

/// Each performative whose contents are all texts, or optional.
fn agrees<P: TypedProtocol>() {
    let protocol = P::specified();
    for layout in protocol.layouts() {
        let mut contents = Vec::new();
        for slot in &layout.slots {
            if let ("pt:str", name) = (slot.content_type.to_string().as_str(), slot.name.as_str()) {
                contents.push((name, Value::from("text")));
            }
        }
        let Ok(body) = Body::new(protocol, &layout.name, contents) else { continue };
        let bytes = Message::new(body).encode();
        let typed = Message::<P>::read(&bytes, Reading::STRICT).unwrap();
        assert_eq!(typed.encode(), bytes);
    }
}

fn main() {
    agrees::<aggregation::AggregationProtocol>();
    agrees::<contract_api::ContractApi>();
    agrees::<default::Default>();
    agrees::<fipa::Fipa>();
    agrees::<http::Http>();
    agrees::<ledger_api::LedgerApi>();
    agrees::<ml_trade::MlTrade>();
    agrees::<oef_search::OefSearch>();
    agrees::<register::RegisterProtocol>();
    agrees::<signing::Signing>();
    agrees::<state_update::StateUpdate>();
}
