//! `/openapi.json`: the description that is generated from the routes, with the base paths of this server.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Written by `cargo xtask schema`.
const DOCUMENT: &str = include_str!("../../assets/openapi.json");

#[derive(Deserialize, Serialize)]
struct Document<'a> {
    #[serde(borrow)]
    openapi: &'a RawValue,
    info: &'a RawValue,
    servers: Vec<Server>,
    paths: BTreeMap<&'a str, BTreeMap<&'a str, &'a RawValue>>,
    components: &'a RawValue,
}

#[derive(Deserialize, Serialize)]
struct Server {
    url: String,
}

/// The document, without the metrics where nobody can read them. Its addresses are relative to where it came from, so that they hold behind a proxy and on every port.
pub(super) fn document(bases: &[String], metrics: bool) -> String {
    let Ok(mut document) = serde_json::from_str::<Document<'_>>(DOCUMENT) else { return DOCUMENT.to_owned() };
    let relative = |base: &str| format!(".{}", if base.is_empty() { "/" } else { base });
    document.servers = bases.iter().map(|base| Server { url: relative(base) }).collect();
    if !metrics {
        document.paths.remove("/metrics");
    }
    let root = RawValue::from_string(r#"[{"url":"./"}]"#.to_owned());
    for item in document.paths.values_mut() {
        // Those that stand beside the base paths.
        if let (Some(servers), Ok(root)) = (item.get_mut("servers"), &root) {
            *servers = root;
        }
    }
    serde_json::to_string(&document).unwrap_or_else(|_| DOCUMENT.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_addresses_are_those_of_this_server() {
        let bases = ["/api".to_owned(), "/".to_owned(), String::new()];
        let made: Value = serde_json::from_str(&document(&bases, true)).unwrap();
        let mut committed: Value = serde_json::from_str(DOCUMENT).unwrap();
        assert_eq!(made["servers"], json!([{ "url": "./api" }, { "url": "./" }, { "url": "./" }]));
        for probe in ["/health", "/ready", "/metrics"] {
            assert_eq!(made["paths"][probe]["servers"], json!([{ "url": "./" }]), "{probe}");
            committed["paths"][probe]["servers"] = made["paths"][probe]["servers"].clone();
        }
        // Nothing else has changed.
        committed["servers"] = made["servers"].clone();
        assert_eq!(made, committed);
        let without: Value = serde_json::from_str(&document(&bases, false)).unwrap();
        committed["paths"].as_object_mut().unwrap().remove("/metrics").unwrap();
        assert_eq!(without, committed, "where the metrics are switched off");
    }
}
