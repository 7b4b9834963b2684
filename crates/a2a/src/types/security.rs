//! How an agent wants to know who asks.

use super::lenient;
use copilotkit_protocol::Json;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// One way to prove who asks.
#[derive(Clone, Debug, PartialEq)]
pub enum SecurityScheme {
    /// A key in a place of the request.
    ApiKey {
        /// The place.
        location: KeyLocation,
        /// The name of the header, parameter or cookie.
        name: String,
        /// For people.
        description: Option<String>,
    },
    /// The header `Authorization`.
    Http {
        /// `Bearer`, `Basic` …
        scheme: String,
        /// What kind of token, for people.
        bearer_format: Option<String>,
        /// For people.
        description: Option<String>,
    },
    /// A bearer token of an OAuth 2 server.
    OAuth2 {
        /// How to get one, as the card says it.
        flows: Option<Json>,
        /// Where the server describes itself.
        metadata_url: Option<String>,
        /// For people.
        description: Option<String>,
    },
    /// A bearer token of an OpenID Connect server.
    OpenIdConnect {
        /// Where the server describes itself.
        url: String,
        /// For people.
        description: Option<String>,
    },
    /// A client certificate.
    MutualTls {
        /// For people.
        description: Option<String>,
    },
    /// Something of a later version.
    Unknown,
}

/// What is asked for, for people.
impl fmt::Display for SecurityScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey { location, name, .. } => write!(f, "an API key in the {} `{name}`", location.as_str()),
            Self::Http { scheme, .. } => write!(f, "HTTP {scheme}"),
            Self::OAuth2 { .. } => f.write_str("an OAuth 2 token"),
            Self::OpenIdConnect { .. } => f.write_str("an OpenID Connect token"),
            Self::MutualTls { .. } => f.write_str("a client certificate"),
            Self::Unknown => f.write_str("something unknown"),
        }
    }
}

/// Where an API key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLocation {
    /// In a header.
    Header,
    /// In the query of the address.
    Query,
    /// In a cookie.
    Cookie,
}

impl KeyLocation {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Query => "query",
            Self::Cookie => "cookie",
        }
    }
}

/// The forms of both versions in one: 1.0 wraps by name, 0.3 has a `type`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SchemeWire {
    #[serde(rename = "type")]
    kind: Option<String>,
    api_key_security_scheme: Option<Members>,
    http_auth_security_scheme: Option<Members>,
    #[serde(alias = "oauth2SecurityScheme")]
    o_auth2_security_scheme: Option<Members>,
    open_id_connect_security_scheme: Option<Members>,
    #[serde(alias = "mtlsSecurityScheme")]
    mutual_tls_security_scheme: Option<Members>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    #[serde(alias = "in")]
    location: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    scheme: String,
    #[serde(default, deserialize_with = "lenient::text")]
    bearer_format: Option<String>,
    flows: Option<Json>,
    #[serde(default, deserialize_with = "lenient::text")]
    oauth2_metadata_url: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    open_id_connect_url: String,
    #[serde(default, deserialize_with = "lenient::text")]
    description: Option<String>,
}

impl<'de> Deserialize<'de> for SecurityScheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        let wire: SchemeWire = json.read().map_err(D::Error::custom)?;
        let flat = || json.read::<Members>().map_err(D::Error::custom);
        let (kind, members) = match wire {
            SchemeWire { api_key_security_scheme: Some(members), .. } => ("apiKey", members),
            SchemeWire { http_auth_security_scheme: Some(members), .. } => ("http", members),
            SchemeWire { o_auth2_security_scheme: Some(members), .. } => ("oauth2", members),
            SchemeWire { open_id_connect_security_scheme: Some(members), .. } => ("openIdConnect", members),
            SchemeWire { mutual_tls_security_scheme: Some(members), .. } => ("mutualTLS", members),
            SchemeWire { kind: Some(kind), .. } => match kind.as_str() {
                "apiKey" => ("apiKey", flat()?),
                "http" => ("http", flat()?),
                "oauth2" => ("oauth2", flat()?),
                "openIdConnect" => ("openIdConnect", flat()?),
                "mutualTLS" => ("mutualTLS", flat()?),
                _ => return Ok(Self::Unknown),
            },
            _ => return Ok(Self::Unknown),
        };
        let description = members.description;
        Ok(match kind {
            "apiKey" => {
                let location = match members.location.as_deref() {
                    Some("query") => KeyLocation::Query,
                    Some("cookie") => KeyLocation::Cookie,
                    _ => KeyLocation::Header,
                };
                Self::ApiKey { location, name: members.name, description }
            }
            "http" => Self::Http { scheme: members.scheme, bearer_format: members.bearer_format, description },
            "oauth2" => Self::OAuth2 { flows: members.flows, metadata_url: members.oauth2_metadata_url, description },
            "openIdConnect" => Self::OpenIdConnect { url: members.open_id_connect_url, description },
            _ => Self::MutualTls { description },
        })
    }
}

impl SecurityScheme {
    /// The members, without what wraps or names the kind.
    pub(crate) fn members(&self, old: bool) -> Value {
        let mut members = match self {
            Self::ApiKey { location, name, .. } => {
                json!({ (if old { "in" } else { "location" }): location.as_str(), "name": name })
            }
            Self::Http { scheme, bearer_format, .. } => {
                let mut members = json!({ "scheme": scheme });
                set(&mut members, "bearerFormat", bearer_format.as_deref());
                members
            }
            Self::OAuth2 { flows, metadata_url, .. } => {
                let mut members = json!({});
                set(&mut members, "flows", flows.as_ref().map(Json::to_value));
                set(&mut members, "oauth2MetadataUrl", metadata_url.as_deref());
                members
            }
            Self::OpenIdConnect { url, .. } => json!({ "openIdConnectUrl": url }),
            Self::MutualTls { .. } | Self::Unknown => json!({}),
        };
        set(&mut members, "description", self.description());
        members
    }

    /// What a card of ours names it, after what it is: `bearer` for HTTP Bearer, `basic`, `api_key`, `oauth2`, `openid`,
    /// `mtls`. Who configures a credential for it writes this name.
    pub fn usual_name(&self) -> String {
        let name = match self {
            Self::Http { scheme, .. } if !scheme.is_empty() => return scheme.to_ascii_lowercase(),
            Self::ApiKey { .. } => "api_key",
            Self::Http { .. } => "bearer",
            Self::OAuth2 { .. } => "oauth2",
            Self::OpenIdConnect { .. } => "openid",
            Self::MutualTls { .. } => "mtls",
            Self::Unknown => "unknown",
        };
        name.to_owned()
    }

    /// What the card says of it, for people.
    pub fn description(&self) -> Option<&str> {
        match self {
            Self::ApiKey { description, .. }
            | Self::Http { description, .. }
            | Self::OAuth2 { description, .. }
            | Self::OpenIdConnect { description, .. }
            | Self::MutualTls { description } => description.as_deref(),
            Self::Unknown => None,
        }
    }
}

fn set(members: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Some(members), Some(value)) = (members.as_object_mut(), value) {
        members.insert(name.to_owned(), value.into());
    }
}

impl Serialize for SecurityScheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = match self {
            Self::ApiKey { .. } => "apiKeySecurityScheme",
            Self::Http { .. } => "httpAuthSecurityScheme",
            Self::OAuth2 { .. } => "oauth2SecurityScheme",
            Self::OpenIdConnect { .. } => "openIdConnectSecurityScheme",
            Self::MutualTls { .. } => "mtlsSecurityScheme",
            Self::Unknown => return json!({}).serialize(serializer),
        };
        json!({ name: self.members(false) }).serialize(serializer)
    }
}

/// Schemes that are needed together, with their scopes. A card lists several of which one is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityRequirement(
    /// Names of schemes and the scopes that they need.
    pub BTreeMap<String, Vec<String>>,
);

impl<'de> Deserialize<'de> for SecurityRequirement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(deserializer)?.to_value();
        let Value::Object(mut members) = value else { return Ok(Self::default()) };
        // 1.0 wraps them in `schemes`, and a list of scopes in `list`, which is left out where it is empty.
        if let Some(Value::Object(inner)) = members.get("schemes") {
            members = inner.clone();
        }
        let scopes = |value: &Value| match value {
            Value::Object(list) => texts(list.get("list")),
            other => texts(Some(other)),
        };
        Ok(Self(members.iter().map(|(name, value)| (name.clone(), scopes(value))).collect()))
    }
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

impl Serialize for SecurityRequirement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let schemes: BTreeMap<_, _> = self.0.iter().map(|(name, list)| (name, json!({ "list": list }))).collect();
        json!({ "schemes": schemes }).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_of_both_versions_are_the_same() {
        let read = |text: &str| serde_json::from_str::<SecurityScheme>(text).unwrap();
        for (new, old) in [
            (
                r#"{"apiKeySecurityScheme":{"location":"query","name":"key"}}"#,
                r#"{"type":"apiKey","in":"query","name":"key"}"#,
            ),
            (
                r#"{"httpAuthSecurityScheme":{"scheme":"Bearer","bearerFormat":"JWT","description":"a"}}"#,
                r#"{"type":"http","scheme":"Bearer","bearerFormat":"JWT","description":"a"}"#,
            ),
            (
                r#"{"oauth2SecurityScheme":{"flows":{"clientCredentials":{"tokenUrl":"https://t/"}}}}"#,
                r#"{"type":"oauth2","flows":{"clientCredentials":{"tokenUrl":"https://t/"}}}"#,
            ),
            (
                r#"{"openIdConnectSecurityScheme":{"openIdConnectUrl":"https://o/"}}"#,
                r#"{"type":"openIdConnect","openIdConnectUrl":"https://o/"}"#,
            ),
            (r#"{"mtlsSecurityScheme":{}}"#, r#"{"type":"mutualTLS"}"#),
            (r#"{"retinaScanSecurityScheme":{}}"#, r#"{"type":"retinaScan"}"#),
        ] {
            assert_eq!(read(new), read(old), "{new}");
            assert_eq!(read(&serde_json::to_string(&read(old)).unwrap()), read(new), "{new}");
        }
    }

    #[test]
    fn requirements_of_both_versions_are_the_same() {
        let read = |text: &str| serde_json::from_str::<SecurityRequirement>(text).unwrap();
        let expected = SecurityRequirement([("a".to_owned(), vec!["x".to_owned()]), ("b".to_owned(), vec![])].into());
        for text in [r#"{"schemes":{"a":{"list":["x"]},"b":{}}}"#, r#"{"a":["x"],"b":[]}"#] {
            assert_eq!(read(text), expected);
        }
        assert_eq!(read(&serde_json::to_string(&expected).unwrap()), expected);
    }
}
