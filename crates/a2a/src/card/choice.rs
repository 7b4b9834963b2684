//! Which of an agent's interfaces is spoken to.

use super::{KnownCard, Policy, shown};
use crate::error::A2aError;
use crate::types::{AgentCard, Binding, Interface};
use crate::wire::ProtocolVersion;
use url::Url;

/// How an interface is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// JSON-RPC, of this version.
    JsonRpc(ProtocolVersion),
    /// HTTP+JSON of A2A 1.0.
    HttpJson,
}

impl Dialect {
    /// The version of A2A.
    pub fn version(self) -> ProtocolVersion {
        match self {
            Self::JsonRpc(version) => version,
            Self::HttpJson => ProtocolVersion::V1_0,
        }
    }
}

/// The interfaces of a card that are spoken here, in its order. HTTP+JSON of 0.3 is written in a way of its own by
/// each SDK, so it is not among them.
pub fn spoken_interfaces(card: &AgentCard) -> Vec<(&Interface, Dialect)> {
    let dialect = |interface: &Interface| {
        let version = match interface.protocol_version.as_str() {
            "" => ProtocolVersion::V1_0,
            text => ProtocolVersion::parse(text)?,
        };
        match (&interface.binding, version) {
            (Binding::JsonRpc, version) => Some(Dialect::JsonRpc(version)),
            (Binding::HttpJson, ProtocolVersion::V1_0) => Some(Dialect::HttpJson),
            _ => None,
        }
    };
    card.supported_interfaces.iter().filter_map(|interface| Some((interface, dialect(interface)?))).collect()
}

/// Takes a card if its agent can be spoken to under this policy.
pub(super) fn choose(card: AgentCard, url: &Url, policy: &Policy) -> Result<KnownCard, A2aError> {
    let at = shown(url);
    let unknown = |uri: &str| !policy.extensions.iter().any(|known| uri.starts_with(known.as_str()));
    let mut required = card.capabilities.extensions.iter().filter(|extension| extension.required);
    if let Some(extension) = required.find(|extension| unknown(&extension.uri)) {
        return Err(A2aError::Extension { url: at, uri: extension.uri.clone() });
    }
    let spoken = spoken_interfaces(&card);
    if spoken.is_empty() {
        let list = card.supported_interfaces.iter();
        let mut offered: Vec<_> = list.map(|i| format!("{} {}", i.binding.as_str(), i.protocol_version)).collect();
        offered.dedup();
        let offered = if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") };
        return Err(A2aError::Interface { url: at, offered: crate::guard::clean_line(&offered, 200) });
    }
    let mut foreign = None;
    let mut interfaces = Vec::new();
    for (interface, dialect) in spoken {
        match url.join(&interface.url) {
            Ok(address) if is_allowed(&address, url, policy) => {
                interfaces.push((Interface { url: address.into(), ..interface.clone() }, dialect));
            }
            Ok(address) => foreign = foreign.or(Some(address.origin().ascii_serialization())),
            Err(_) => {}
        }
    }
    let Some((first, preferred)) = interfaces.first().map(|(first, dialect)| (first.binding.clone(), *dialect)) else {
        let origin = foreign.unwrap_or_else(|| "an address that is none".to_owned());
        return Err(A2aError::Origin { url: at, origin });
    };
    // The newer version goes first where a binding is offered in both, whatever their order.
    if preferred.version() == ProtocolVersion::V0_3
        && let Some(newer) = interfaces
            .iter()
            .position(|(other, dialect)| other.binding == first && dialect.version() == ProtocolVersion::V1_0)
    {
        let newer = interfaces.remove(newer);
        interfaces.insert(0, newer);
    }
    Ok(KnownCard { card, url: at, interfaces })
}

fn is_allowed(address: &Url, card: &Url, policy: &Policy) -> bool {
    if !matches!(address.scheme(), "http" | "https") || !address.username().is_empty() || address.password().is_some() {
        return false;
    }
    let origin = address.origin();
    let listed = |allowed: &String| Url::parse(allowed).is_ok_and(|allowed| allowed.origin() == origin);
    origin == card.origin() || origin == policy.url.origin() || policy.allowed_origins.iter().any(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(interfaces: &[(&str, &str, &str)]) -> AgentCard {
        let interface = |(url, binding, version): &(&str, &str, &str)| Interface {
            url: (*url).to_owned(),
            binding: serde_json::from_value(serde_json::json!(binding)).unwrap(),
            tenant: None,
            protocol_version: (*version).to_owned(),
        };
        AgentCard { supported_interfaces: interfaces.iter().map(interface).collect(), ..AgentCard::default() }
    }

    fn chosen(card: AgentCard, allowed: &[&str]) -> Result<Vec<String>, A2aError> {
        let url = Url::parse("https://agent.example/.well-known/agent-card.json").unwrap();
        let allowed_origins = allowed.iter().map(|origin| (*origin).to_owned()).collect();
        let policy = Policy { url: url.clone(), allowed_origins, extensions: vec!["https://a2ui.org/".to_owned()] };
        let known = choose(card, &url, &policy)?;
        Ok(known.interfaces.iter().map(|(i, dialect)| format!("{} {dialect:?}", i.url)).collect())
    }

    #[test]
    fn the_first_that_is_spoken_is_chosen_and_1_0_goes_before_0_3() {
        let both = card(&[
            ("https://agent.example/grpc", "GRPC", "1.0"),
            ("https://agent.example/", "JSONRPC", "0.3"),
            ("https://agent.example/", "JSONRPC", "1.0"),
            ("https://agent.example/rest", "HTTP+JSON", "0.3"),
        ]);
        let names = chosen(both, &[]).unwrap();
        assert_eq!(names, ["https://agent.example/ JsonRpc(V1_0)", "https://agent.example/ JsonRpc(V0_3)"]);
        let rest =
            card(&[("https://agent.example/rest", "HTTP+JSON", "1.0.1"), ("https://agent.example/", "JSONRPC", "1.0")]);
        assert!(chosen(rest, &[]).unwrap()[0].ends_with("/rest HttpJson"));
        assert_eq!(
            chosen(card(&[("rpc", "JSONRPC", "1.0")]), &[]).unwrap()[0],
            "https://agent.example/.well-known/rpc JsonRpc(V1_0)"
        );
    }

    #[test]
    fn a_foreign_origin_must_be_allowed_by_name() {
        for url in [
            "https://evil.example/",
            "http://agent.example/",
            "https://agent.example:8443/",
            "http://169.254.169.254/",
            "file:///etc/passwd",
            "https://user:pass@agent.example/",
        ] {
            let error = chosen(card(&[(url, "JSONRPC", "1.0")]), &[]).unwrap_err();
            assert_eq!(error.code(), "a2a_origin", "{url}");
        }
        let allowed = chosen(card(&[("https://rpc.example/x", "JSONRPC", "1.0")]), &["https://rpc.example"]).unwrap();
        assert_eq!(allowed.len(), 1);
        // A foreign one beside an own one is passed over.
        let mixed = card(&[("https://evil.example/", "JSONRPC", "1.0"), ("https://agent.example/", "JSONRPC", "0.3")]);
        assert_eq!(chosen(mixed, &[]).unwrap(), ["https://agent.example/ JsonRpc(V0_3)"]);
    }

    #[test]
    fn what_cannot_be_spoken_is_said() {
        let error = chosen(card(&[("https://agent.example/", "GRPC", "1.0")]), &[]).unwrap_err();
        assert_eq!(error.code(), "a2a_interface");
        assert!(error.to_string().contains("GRPC 1.0"), "{error}");
        let mut needs = card(&[("https://agent.example/", "JSONRPC", "1.0")]);
        needs.capabilities.extensions.push(crate::types::Extension {
            uri: "https://example.com/ext/pay".to_owned(),
            required: true,
            ..Default::default()
        });
        assert_eq!(chosen(needs, &[]).unwrap_err().code(), "a2a_extension");
    }
}
