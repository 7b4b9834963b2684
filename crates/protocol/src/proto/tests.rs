use super::*;
use crate::event::Custom;
use crate::soup::soup;
use crate::wire::{Json, Wire as _};
use proptest::prelude::*;
use serde_json::{Value, json};

fn value(event: &Event) -> Value {
    serde_json::from_slice(&event.to_json()).unwrap()
}

/// What is lost on the way: members and operations that AG-UI does not know, and whether `resume` was absent or empty.
fn expected(event: &Event) -> Value {
    let mut event = event.clone();
    event.tidy();
    let mut value = value(&event);
    for key in ["delta", "patch"] {
        if let Some(operations) = value.get_mut(key).and_then(Value::as_array_mut) {
            operations.retain(|operation| operation["op"] != "inc");
        }
    }
    if let Some(input) = value.get_mut("input").and_then(Value::as_object_mut) {
        input.entry("resume").or_insert(json!([]));
    }
    value
}

proptest! {
    #[test]
    fn any_event_comes_back(json in soup()) {
        let event = Event::from_json(json.to_string().as_bytes()).unwrap();
        let bytes = encode(&event);
        if json["type"] == "LATER" {
            prop_assert!(bytes.is_empty());
            return Ok(());
        }
        let back = decode(&bytes).unwrap();
        prop_assert_eq!(value(&back), expected(&event));
        prop_assert_eq!(encode(&back), bytes);
    }

    #[test]
    fn any_json_comes_back(json in any_json()) {
        // As text: serde_json reads a double with an error in its last digit.
        let value = Json::from(json);
        let event: Event = Custom { name: "n".into(), value, ..Default::default() }.into();
        prop_assert_eq!(decode(&encode(&event)).unwrap(), event);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), arm in 1_u8..=31, kind in 0_u8..=30) {
        let _ = decode(&bytes);
        // Behind a base event, so that more than the envelope is looked at.
        let body = [&[0x0a, 2, 8, kind][..], &bytes].concat();
        let mut framed = Vec::new();
        prost::encoding::encode_key(u32::from(arm), WireType::LengthDelimited, &mut framed);
        prost::encoding::encode_varint(body.len() as u64, &mut framed);
        framed.extend(body);
        if let Ok(event) = decode(&framed) {
            // An operation of a later version has no way back.
            let once = decode(&encode(&event)).unwrap();
            prop_assert_eq!(decode(&encode(&once)), Ok(once));
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(|number| if number.fract() == 0.0 { json!(0) } else { json!(number) }),
        "\\PC{0,8}".prop_map(Value::from),
        prop::sample::select(vec!["\n\t\u{0}", "\"\\/", "\u{2028}"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("\\PC{0,3}", inner), 0..6)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}
