//! The routes, in one table, matched by the end of the path as the reference runtime does.

use http::Method;
use percent_encoding::percent_decode_str;

/// One route: the last segments of a path and the methods that it takes.
#[derive(Debug)]
pub struct Route {
    /// What it is.
    pub id: RouteId,
    /// The segments; those that begin with a colon take any value.
    pub suffix: &'static [&'static str],
    /// The methods, as the `Allow` header lists them.
    pub allow: &'static str,
    /// The scope that a principal must have, where authentication is on. Without one, being known is enough.
    pub scope: Option<&'static str>,
}

/// What a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RouteId {
    /// What the server is and which agents it has.
    Info,
    /// Starts a run and streams it.
    Run,
    /// Runs an agent without a thread and streams it.
    Suggest,
    /// Replays a thread and follows its live run.
    Connect,
    /// Stops the live run of a thread.
    Stop,
}

/// Every route, in the order in which they are tried.
pub const ROUTES: &[Route] = &[
    Route { id: RouteId::Info, suffix: &["info"], allow: "GET", scope: None },
    Route { id: RouteId::Run, suffix: &["agent", ":agentId", "run"], allow: "POST", scope: None },
    Route { id: RouteId::Suggest, suffix: &["agent", ":agentId", "suggest"], allow: "POST", scope: None },
    Route { id: RouteId::Connect, suffix: &["agent", ":agentId", "connect"], allow: "POST", scope: None },
    Route { id: RouteId::Stop, suffix: &["agent", ":agentId", "stop", ":threadId"], allow: "POST", scope: None },
];

impl Route {
    /// The route with this id.
    pub(super) fn of(id: RouteId) -> Option<&'static Self> {
        ROUTES.iter().find(|route| route.id == id)
    }

    pub(super) fn allows(&self, method: &Method) -> bool {
        self.allow.split(", ").any(|allowed| allowed == method.as_str())
    }
}

/// What lies below one of the base paths; `None` outside of all of them.
pub(super) fn below_base<'a>(base_paths: &[String], path: &'a str) -> Option<&'a str> {
    base_paths.iter().find_map(|base| {
        let rest = path.strip_prefix(base.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_matches('/'))
    })
}

/// The route that a path ends with, and the values of its colon segments. An id that cannot be decoded is no id, and so
/// no route.
pub(super) fn find(rest: &str) -> Option<(&'static Route, Vec<String>)> {
    let segments: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
    ROUTES.iter().find_map(|route| {
        let tail = segments.get(segments.len().checked_sub(route.suffix.len())?..)?;
        let mut ids = Vec::new();
        for (expected, found) in route.suffix.iter().zip(tail) {
            if expected.starts_with(':') {
                ids.push(percent_decode_str(found).decode_utf8().ok()?.into_owned());
            } else if expected != found {
                return None;
            }
        }
        well_encoded(tail).then_some((route, ids))
    })
}

/// Every percent sign is followed by two hexadecimal digits.
fn well_encoded(segments: &[&str]) -> bool {
    segments.iter().all(|segment| {
        segment
            .split('%')
            .skip(1)
            .all(|rest| rest.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(path: &str) -> Option<(RouteId, Vec<String>)> {
        find(path).map(|(route, ids)| (route.id, ids))
    }

    #[test]
    fn matches_the_end_of_the_path() {
        assert_eq!(id("any/thing/info"), Some((RouteId::Info, vec![])));
        assert_eq!(id("agent/a/run"), Some((RouteId::Run, vec!["a".into()])));
        assert_eq!(id("x//agent/a/stop/t/"), Some((RouteId::Stop, vec!["a".into(), "t".into()])));
        assert_eq!(id("agent/info"), Some((RouteId::Info, vec![])));
        assert_eq!(id("agent//run"), None);
    }

    #[test]
    fn decodes_ids_or_finds_nothing() {
        assert_eq!(id("agent/needs%20encoding%2F%C3%A9/run"), Some((RouteId::Run, vec!["needs encoding/é".into()])));
        assert_eq!(id("agent/%E0%A4%A/run"), None);
        assert_eq!(id("agent/%ff/run"), None);
    }

    #[test]
    fn a_base_path_ends_at_a_boundary() {
        let bases = vec!["/api/copilotkit".to_owned()];
        assert_eq!(below_base(&bases, "/api/copilotkit/info"), Some("info"));
        assert_eq!(below_base(&bases, "/api/copilotkit"), Some(""));
        assert_eq!(below_base(&bases, "/api/copilotkitX/info"), None);
        assert_eq!(below_base(&[String::new()], "/a/b/info"), Some("a/b/info"));
    }
}
