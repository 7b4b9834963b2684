//! Our agents over A2A.

use crate::config::{A2aCardConfig, A2aSkillConfig, AuthKind, Config};
use copilotkit_a2a::server::{A2aServer, A2aServerOptions, CardOptions, SkillOptions};
use copilotkit_a2a::types::{Provider, SecurityScheme};
use copilotkit_runtime::http::SurfaceOptions;

/// The options with the agents of `[a2a_server]`, if there are any.
pub(super) fn mounted(config: &Config, options: SurfaceOptions) -> SurfaceOptions {
    let Some(server) = config.a2a_server.as_ref().filter(|server| server.enabled) else { return options };
    let cards = server.cards.iter().map(|(id, card)| (id.clone(), self::card(card))).collect();
    let own = A2aServerOptions {
        path: server.path.clone(),
        url: server.url.clone(),
        agents: server.agents.clone(),
        cards,
        provider: server
            .provider
            .as_ref()
            .map(|provider| Provider { organization: provider.organization.clone(), url: provider.url.clone() }),
        security: security(config.auth.kind),
        keep_alive: options.keep_alive,
        id_max: options.id_max,
        json_depth: options.json_depth,
    };
    options.with_mount(A2aServer::new(own))
}

fn security(kind: AuthKind) -> Option<SecurityScheme> {
    let bearer_format = match kind {
        AuthKind::None => return None,
        AuthKind::Bearer => None,
        AuthKind::Jwt => Some("JWT".to_owned()),
    };
    let description = Some("Ask whoever runs this server for a token.".to_owned());
    Some(SecurityScheme::Http { scheme: "Bearer".to_owned(), bearer_format, description })
}

fn card(config: &A2aCardConfig) -> CardOptions {
    let A2aCardConfig { name, description, version, documentation_url, icon_url, skills } = config.clone();
    let skill = |skill: A2aSkillConfig| {
        let A2aSkillConfig { id, name, description, tags, examples } = skill;
        SkillOptions { id, name, description, tags, examples }
    };
    let skills = skills.into_iter().map(skill).collect();
    CardOptions { name, description, version, documentation_url, icon_url, skills }
}
