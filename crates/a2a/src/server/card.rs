//! The card of an agent.

use super::{A2aServerOptions, AG_UI_EXTENSION};
use crate::types::{AgentCard, AgentSkill, Binding, Capabilities, Extension, Interface, SecurityRequirement};
use crate::wire::ProtocolVersion;
use copilotkit_runtime::Registered;
use copilotkit_runtime::http::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// How long a card counts before clients ask whether it has changed: as long as they assume where nothing is said.
const CACHE: &str = "public, max-age=300";
/// What stands in a segment of a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What the card of an agent says besides what the agent says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardOptions {
    /// Its name; without it its id.
    pub name: Option<String>,
    /// What it does; without it what the agent says.
    pub description: Option<String>,
    /// Its own version; without it that of this crate.
    pub version: Option<String>,
    /// Where it is documented.
    pub documentation_url: Option<String>,
    /// Its picture.
    pub icon_url: Option<String>,
    /// What it can be asked for; without any, one made of its name and description.
    pub skills: Vec<SkillOptions>,
}

/// Something that an agent can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkillOptions {
    /// Unique on the card.
    pub id: String,
    /// Its name; without it its id.
    pub name: Option<String>,
    /// What it does.
    pub description: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What one can ask.
    pub examples: Vec<String>,
}

/// The card of an agent, for who asks for it by these headers.
pub(super) fn card(options: &A2aServerOptions, agent: &Registered, headers: &HeaderMap) -> AgentCard {
    let own = options.cards.get(&*agent.id).cloned().unwrap_or_default();
    let name = own.name.unwrap_or_else(|| agent.id.to_string());
    let description = own.description.unwrap_or_else(|| agent.agent.description().to_owned());
    // Clients refuse a card without one.
    let description = if description.is_empty() { format!("The agent {name}.") } else { description };
    let address = format!("{}{}/{}", origin(options, headers), options.path, utf8_percent_encode(&agent.id, SEGMENT));
    let interface = |binding| Interface {
        url: address.clone(),
        binding,
        tenant: None,
        protocol_version: ProtocolVersion::V1_0.as_str().to_owned(),
    };
    let skill = |skill: SkillOptions| AgentSkill {
        name: skill.name.unwrap_or_else(|| skill.id.clone()),
        description: if skill.description.is_empty() { description.clone() } else { skill.description },
        id: skill.id,
        tags: skill.tags,
        examples: skill.examples,
        ..AgentSkill::default()
    };
    let skills = match own.skills.is_empty() {
        true => vec![AgentSkill {
            id: agent.id.to_string(),
            name: name.clone(),
            description: description.clone(),
            tags: vec!["chat".to_owned()],
            ..AgentSkill::default()
        }],
        false => own.skills.into_iter().map(skill).collect(),
    };
    let security = options.security.iter().map(|scheme| (scheme.usual_name(), scheme.clone()));
    let security_schemes: BTreeMap<_, _> = security.collect();
    AgentCard {
        name,
        supported_interfaces: vec![interface(Binding::JsonRpc), interface(Binding::HttpJson)],
        provider: options.provider.clone(),
        version: own.version.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
        documentation_url: own.documentation_url,
        icon_url: own.icon_url,
        capabilities: Capabilities {
            streaming: Some(true),
            push_notifications: Some(false),
            extended_agent_card: Some(false),
            extensions: vec![Extension {
                uri: AG_UI_EXTENSION.to_owned(),
                description: Some(
                    "What of AG-UI has no place in A2A: state, activities, tools of the client.".to_owned(),
                ),
                ..Extension::default()
            }],
        },
        security_requirements: security_schemes
            .keys()
            .map(|name| SecurityRequirement([(name.clone(), Vec::new())].into()))
            .collect(),
        security_schemes,
        default_input_modes: ["text/plain", "application/json", "image/*", "audio/*", "video/*", "application/pdf"]
            .map(str::to_owned)
            .to_vec(),
        default_output_modes: ["text/plain", "application/json"].map(str::to_owned).to_vec(),
        skills,
        description,
        signatures: Vec::new(),
    }
}

/// How addresses of this server begin: as it is configured, or as it was called. Whether TLS ends in front of it only the
/// configuration can tell.
fn origin(options: &A2aServerOptions, headers: &HeaderMap) -> String {
    match &options.url {
        Some(url) => url.clone(),
        None => {
            let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
            format!("http://{host}")
        }
    }
}

/// Answers with the card, or with nothing for who has it.
pub(super) fn answer(options: &A2aServerOptions, agent: &Registered, parts: &Parts) -> Response<Body> {
    let json = copilotkit_protocol::to_vec(&card(options, agent, &parts.headers));
    let mut hasher = DefaultHasher::new();
    json.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let is_known = parts.headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').map(str::trim).any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
    });
    let mut response = Response::new(if is_known { Body::empty() } else { Body::from(json) });
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE));
    headers.insert(VARY, HeaderValue::from_static("A2A-Version"));
    match is_known {
        true => *response.status_mut() = StatusCode::NOT_MODIFIED,
        false => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
    }
    response
}
