//! Which agent a path means, and what of it.

use percent_encoding::percent_decode_str;

/// Where a card is, below an agent and at the root.
const WELL_KNOWN: [&str; 2] = [".well-known", "agent-card.json"];

/// A path that is ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The agent; `None` for that of the server's own card.
    pub(super) agent_id: Option<String>,
    /// What of it.
    pub(super) route: Route,
}

/// What is asked of an agent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Its card, for everybody.
    Card,
    /// JSON-RPC.
    Rpc,
    /// A resource of HTTP+JSON.
    Rest(Resource),
    /// Nothing that there is.
    Unknown,
}

/// A resource of HTTP+JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// `/message:send`
    Send,
    /// `/message:stream`
    Stream,
    /// `/tasks`
    Tasks,
    /// `/tasks/{id}`
    Task(String),
    /// `/tasks/{id}:cancel`
    Cancel(String),
    /// `/tasks/{id}:subscribe`
    Subscribe(String),
    /// `/tasks/{id}/pushNotificationConfigs` and below
    Push,
    /// `/extendedAgentCard`
    ExtendedCard,
}

impl Place {
    /// What a path is; `None` for one that belongs to others.
    pub(super) fn of(base: &str, path: &str) -> Option<Self> {
        if path.strip_prefix('/')?.split('/').eq(WELL_KNOWN) {
            return Some(Self { agent_id: None, route: Route::Card });
        }
        let rest = path.strip_prefix(base)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let decoded: Option<Vec<String>> = rest
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| Some(percent_decode_str(segment).decode_utf8().ok()?.into_owned()))
            .collect();
        let Some((agent_id, rest)) = decoded.as_deref().and_then(<[String]>::split_first) else {
            return Some(Self { agent_id: None, route: Route::Unknown });
        };
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        Some(Self { agent_id: Some(agent_id.clone()), route: Route::of(&rest) })
    }
}

impl Route {
    fn of(segments: &[&str]) -> Self {
        let resource = match segments {
            [] => return Self::Rpc,
            known if *known == WELL_KNOWN => return Self::Card,
            ["message:send"] => Resource::Send,
            ["message:stream"] => Resource::Stream,
            ["tasks"] => Resource::Tasks,
            ["tasks", task] => match task.rsplit_once(':') {
                Some((id, "cancel")) => Resource::Cancel(id.to_owned()),
                Some((id, "subscribe")) => Resource::Subscribe(id.to_owned()),
                Some(_) => return Self::Unknown,
                None => Resource::Task((*task).to_owned()),
            },
            ["tasks", _, "pushNotificationConfigs", ..] => Resource::Push,
            ["extendedAgentCard"] => Resource::ExtendedCard,
            _ => return Self::Unknown,
        };
        Self::Rest(resource)
    }

    /// The path with names for ids.
    pub(super) fn template(&self) -> &'static str {
        match self {
            Self::Card => "/.well-known/agent-card.json",
            Self::Rpc => "/a2a/{agentId}",
            Self::Unknown => "/a2a/*",
            Self::Rest(resource) => match resource {
                Resource::Send => "/a2a/{agentId}/message:send",
                Resource::Stream => "/a2a/{agentId}/message:stream",
                Resource::Tasks => "/a2a/{agentId}/tasks",
                Resource::Task(_) => "/a2a/{agentId}/tasks/{taskId}",
                Resource::Cancel(_) => "/a2a/{agentId}/tasks/{taskId}:cancel",
                Resource::Subscribe(_) => "/a2a/{agentId}/tasks/{taskId}:subscribe",
                Resource::Push => "/a2a/{agentId}/tasks/{taskId}/pushNotificationConfigs",
                Resource::ExtendedCard => "/a2a/{agentId}/extendedAgentCard",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        let rest = |resource| Some((Some("a"), Route::Rest(resource)));
        for (path, expected) in [
            ("/.well-known/agent-card.json", Some((None, Route::Card))),
            ("/a2a/a/.well-known/agent-card.json", Some((Some("a"), Route::Card))),
            ("/a2a/a", Some((Some("a"), Route::Rpc))),
            ("/a2a/a/", Some((Some("a"), Route::Rpc))),
            ("/a2a/an%20agent", Some((Some("an agent"), Route::Rpc))),
            ("/a2a/a/message:send", rest(Resource::Send)),
            ("/a2a/a/message%3Astream", rest(Resource::Stream)),
            ("/a2a/a/tasks", rest(Resource::Tasks)),
            ("/a2a/a/tasks/1-2", rest(Resource::Task("1-2".to_owned()))),
            ("/a2a/a/tasks/1-2:cancel", rest(Resource::Cancel("1-2".to_owned()))),
            ("/a2a/a/tasks/1-2:subscribe", rest(Resource::Subscribe("1-2".to_owned()))),
            ("/a2a/a/tasks/1/pushNotificationConfigs/2", rest(Resource::Push)),
            ("/a2a/a/extendedAgentCard", rest(Resource::ExtendedCard)),
            ("/a2a/a/tasks/1:explode", Some((Some("a"), Route::Unknown))),
            ("/a2a/a/v1/message:send", Some((Some("a"), Route::Unknown))),
            ("/a2a/%ff", Some((None, Route::Unknown))),
            ("/a2a", Some((None, Route::Unknown))),
            ("/a2ab/a", None),
            ("/copilotkit/info", None),
            ("/.well-known/agent.json", None),
        ] {
            let expected = expected.map(|(id, route)| Place { agent_id: id.map(str::to_owned), route });
            assert_eq!(Place::of("/a2a", path), expected, "{path}");
        }
    }
}
