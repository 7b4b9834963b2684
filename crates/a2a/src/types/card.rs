//! What an agent says of itself.

use super::lenient;
use super::security::{SecurityRequirement, SecurityScheme};
use copilotkit_protocol::Json;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// What an agent says of itself. It is written by whoever runs the agent: no word of it is to be trusted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentCard {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Where and how it is spoken to, the preferred way first.
    pub supported_interfaces: Vec<Interface>,
    /// Who runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Its own version.
    pub version: String,
    /// Where it is documented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation_url: Option<String>,
    /// What of the protocol it does.
    pub capabilities: Capabilities,
    /// How it wants to know who asks, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub security_schemes: BTreeMap<String, SecurityScheme>,
    /// Which of them are needed: one entry is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_requirements: Vec<SecurityRequirement>,
    /// Media types that it takes.
    pub default_input_modes: Vec<String>,
    /// Media types that it makes.
    pub default_output_modes: Vec<String>,
    /// What it can be asked for.
    pub skills: Vec<AgentSkill>,
    /// JSON Web Signatures of the card, as they came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Json>,
    /// Its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
}

/// One way to speak to an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    /// The address.
    pub url: String,
    /// How calls are written.
    #[serde(rename = "protocolBinding", default)]
    pub binding: Binding,
    /// Goes with every call.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The version of A2A: `1.0`, `0.3`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub protocol_version: String,
}

/// How calls are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// JSON-RPC 2.0 over HTTP.
    #[default]
    JsonRpc,
    /// Resources over HTTP.
    HttpJson,
    /// gRPC.
    Grpc,
    /// Something else.
    Other(String),
}

impl Binding {
    /// Its word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::JsonRpc => "JSONRPC",
            Self::HttpJson => "HTTP+JSON",
            Self::Grpc => "GRPC",
            Self::Other(text) => text,
        }
    }
}

impl Serialize for Binding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Binding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.to_ascii_uppercase().as_str() {
            "JSONRPC" | "JSON-RPC" | "" => Self::JsonRpc,
            "HTTP+JSON" | "HTTP_JSON" | "REST" => Self::HttpJson,
            "GRPC" => Self::Grpc,
            _ => Self::Other(text),
        })
    }
}

/// Who runs an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The organization.
    #[serde(default)]
    pub organization: String,
    /// Where it presents itself.
    #[serde(default)]
    pub url: String,
}

/// What of the protocol an agent does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// It streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streaming: Option<bool>,
    /// It sends news of tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_notifications: Option<bool>,
    /// It shows those whom it knows a longer card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_agent_card: Option<bool>,
    /// Extensions of the protocol.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
}

/// An extension of the protocol.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Which one.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub uri: String,
    /// What the agent does with it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Only clients that know it can speak to the agent.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "lenient::is_false")]
    pub required: bool,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Json>,
}

/// What an agent can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentSkill {
    /// Unique in the card.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What one can ask.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// Media types that it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input_modes: Vec<String>,
    /// Media types that it makes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_modes: Vec<String>,
    /// What it needs to know who asks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_requirements: Vec<SecurityRequirement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SkillWire {
    #[serde(default, deserialize_with = "lenient::or_default")]
    id: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    description: String,
    #[serde(default, deserialize_with = "lenient::list")]
    tags: Vec<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    examples: Vec<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    input_modes: Vec<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    output_modes: Vec<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    security_requirements: Vec<SecurityRequirement>,
    #[serde(default, deserialize_with = "lenient::list")]
    security: Vec<SecurityRequirement>,
}

impl<'de> Deserialize<'de> for AgentSkill {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = SkillWire::deserialize(deserializer)?;
        let SkillWire { id, name, description, tags, examples, input_modes, output_modes, .. } = wire;
        let security_requirements = either(wire.security_requirements, wire.security);
        Ok(Self { id, name, description, tags, examples, input_modes, output_modes, security_requirements })
    }
}

/// The forms of both versions in one: servers of both write both.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CardWire {
    #[serde(default, deserialize_with = "lenient::or_default")]
    name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    description: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    version: String,
    #[serde(default, deserialize_with = "lenient::list")]
    supported_interfaces: Vec<Interface>,
    provider: Option<Provider>,
    #[serde(default, deserialize_with = "lenient::text")]
    documentation_url: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    capabilities: Capabilities,
    #[serde(default, deserialize_with = "lenient::or_default")]
    security_schemes: BTreeMap<String, SecurityScheme>,
    #[serde(default, deserialize_with = "lenient::list")]
    security_requirements: Vec<SecurityRequirement>,
    #[serde(default, deserialize_with = "lenient::list")]
    default_input_modes: Vec<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    default_output_modes: Vec<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    skills: Vec<AgentSkill>,
    #[serde(default, deserialize_with = "lenient::list")]
    signatures: Vec<Json>,
    #[serde(default, deserialize_with = "lenient::text")]
    icon_url: Option<String>,
    // What 0.3 has in the place of these.
    #[serde(default, deserialize_with = "lenient::text")]
    url: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    protocol_version: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    preferred_transport: Binding,
    #[serde(default, deserialize_with = "lenient::list")]
    additional_interfaces: Vec<OldInterface>,
    #[serde(default, deserialize_with = "lenient::list")]
    security: Vec<SecurityRequirement>,
    supports_authenticated_extended_card: Option<bool>,
}

#[derive(Deserialize)]
struct OldInterface {
    url: String,
    #[serde(default)]
    transport: Binding,
}

impl CardWire {
    fn interfaces(&mut self) -> Vec<Interface> {
        if !self.supported_interfaces.is_empty() {
            return std::mem::take(&mut self.supported_interfaces);
        }
        let version = self.protocol_version.clone().unwrap_or_else(|| "0.3".to_owned());
        let interface = |url: &str, binding: &Binding| Interface {
            url: url.to_owned(),
            binding: binding.clone(),
            tenant: None,
            protocol_version: version.clone(),
        };
        let mut interfaces: Vec<Interface> =
            self.url.iter().map(|url| interface(url, &self.preferred_transport)).collect();
        for other in &self.additional_interfaces {
            let other = interface(&other.url, &other.transport);
            // Many cards repeat the preferred one.
            if !interfaces.contains(&other) {
                interfaces.push(other);
            }
        }
        interfaces
    }
}

impl<'de> Deserialize<'de> for AgentCard {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut wire = CardWire::deserialize(deserializer)?;
        let supported_interfaces = wire.interfaces();
        let mut capabilities = wire.capabilities;
        capabilities.extended_agent_card =
            capabilities.extended_agent_card.or(wire.supports_authenticated_extended_card);
        Ok(Self {
            name: wire.name,
            description: wire.description,
            supported_interfaces,
            provider: wire.provider,
            version: wire.version,
            documentation_url: wire.documentation_url,
            capabilities,
            security_schemes: wire.security_schemes,
            security_requirements: either(wire.security_requirements, wire.security),
            default_input_modes: wire.default_input_modes,
            default_output_modes: wire.default_output_modes,
            skills: wire.skills,
            signatures: wire.signatures,
            icon_url: wire.icon_url,
        })
    }
}

fn either<T>(first: Vec<T>, second: Vec<T>) -> Vec<T> {
    if first.is_empty() { second } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_of_0_3_is_folded() {
        let card: AgentCard = serde_json::from_str(
            r#"{"name":"Old","url":"https://a/rpc","protocolVersion":"0.3.0","preferredTransport":"JSONRPC",
                "additionalInterfaces":[{"url":"https://a/rpc","transport":"JSONRPC"},{"url":"https://a/rest","transport":"HTTP+JSON"}],
                "security":[{"bearer":[]}],"supportsAuthenticatedExtendedCard":true,"skills":null}"#,
        )
        .unwrap();
        let shown: Vec<_> = card
            .supported_interfaces
            .iter()
            .map(|i| (i.url.as_str(), i.binding.as_str(), &*i.protocol_version))
            .collect();
        assert_eq!(shown, [("https://a/rpc", "JSONRPC", "0.3.0"), ("https://a/rest", "HTTP+JSON", "0.3.0")]);
        assert_eq!(card.capabilities.extended_agent_card, Some(true));
        assert_eq!(card.security_requirements.len(), 1);
    }

    #[test]
    fn the_interfaces_of_1_0_stand_alone() {
        let card: AgentCard = serde_json::from_str(
            r#"{"name":"Both","url":"https://old/","protocolVersion":"0.3",
                "supportedInterfaces":[{"url":"https://new/","protocolBinding":"JSONRPC","protocolVersion":"1.0","tenant":""}]}"#,
        )
        .unwrap();
        assert_eq!(card.supported_interfaces.len(), 1);
        assert_eq!(card.supported_interfaces[0].url, "https://new/");
        assert_eq!(card.supported_interfaces[0].tenant, None);
    }
}
