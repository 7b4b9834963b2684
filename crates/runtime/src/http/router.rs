//! The routes, in one table, matched by the end of the path as the reference runtime does.

use super::SurfaceOptions;
use super::answer::Refusal;
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
    /// Every event of every run, for developers.
    DebugEvents,
    /// Turns a recording into text.
    Transcribe,
    /// What a platform tells the inspector about a deployment; nothing here.
    InspectorMetadata,
    /// What a platform learned from conversations, for the inspector; nothing here.
    InspectorLearning,
    /// A websocket that tells of changes; there is none.
    ThreadsSubscribe,
    /// The messages of a thread.
    ThreadMessages,
    /// The events of a thread.
    ThreadEvents,
    /// The shared state of a thread.
    ThreadState,
    /// Archives a thread.
    ThreadArchive,
    /// Deletes all threads of the caller.
    ThreadsClear,
    /// One thread: shows, changes or deletes it.
    Thread,
    /// The list of threads.
    Threads,
    /// What a platform remembers about users; nothing here.
    Memories,
    /// What a platform is told about a user's actions; nothing here.
    Annotate,
    /// One of the thread routes, memory routes or the annotation by way of the envelope.
    Resource,
    /// A route of a [`Mount`](super::Mount).
    Mounted,
}

/// Every route, in the order in which they are tried.
pub const ROUTES: &[Route] = &[
    Route { id: RouteId::Info, suffix: &["info"], allow: "GET", scope: None },
    Route { id: RouteId::Transcribe, suffix: &["transcribe"], allow: "POST", scope: None },
    Route { id: RouteId::InspectorMetadata, suffix: &["inspector-metadata"], allow: "GET", scope: None },
    Route { id: RouteId::InspectorLearning, suffix: &["inspector-learning"], allow: "GET", scope: None },
    Route { id: RouteId::Run, suffix: &["agent", ":agentId", "run"], allow: "POST", scope: None },
    Route { id: RouteId::Suggest, suffix: &["agent", ":agentId", "suggest"], allow: "POST", scope: None },
    Route { id: RouteId::Connect, suffix: &["agent", ":agentId", "connect"], allow: "POST", scope: None },
    Route { id: RouteId::Stop, suffix: &["agent", ":agentId", "stop", ":threadId"], allow: "POST", scope: None },
    Route { id: RouteId::ThreadsSubscribe, suffix: &["threads", "subscribe"], allow: "POST", scope: None },
    Route { id: RouteId::ThreadMessages, suffix: &["threads", ":threadId", "messages"], allow: "GET", scope: None },
    Route { id: RouteId::ThreadEvents, suffix: &["threads", ":threadId", "events"], allow: "GET", scope: None },
    Route { id: RouteId::ThreadState, suffix: &["threads", ":threadId", "state"], allow: "GET", scope: None },
    Route { id: RouteId::ThreadArchive, suffix: &["threads", ":threadId", "archive"], allow: "POST", scope: None },
    Route { id: RouteId::ThreadsClear, suffix: &["threads", "clear"], allow: "POST", scope: None },
    Route { id: RouteId::Thread, suffix: &["threads", ":threadId"], allow: "GET, PATCH, DELETE", scope: None },
    Route { id: RouteId::Threads, suffix: &["threads"], allow: "GET", scope: None },
    Route { id: RouteId::Memories, suffix: &["memories", "recall"], allow: "POST", scope: None },
    Route { id: RouteId::Memories, suffix: &["memories", "subscribe"], allow: "POST", scope: None },
    Route { id: RouteId::Memories, suffix: &["memories", ":memoryId"], allow: "PATCH, DELETE", scope: None },
    Route { id: RouteId::Memories, suffix: &["memories"], allow: "GET, POST", scope: None },
    Route { id: RouteId::Annotate, suffix: &["annotate"], allow: "POST", scope: None },
    Route { id: RouteId::DebugEvents, suffix: &["cpk-debug-events"], allow: "GET", scope: Some("debug") },
];

impl Route {
    /// The route with this id.
    pub(super) fn of(id: RouteId) -> Option<&'static Self> {
        ROUTES.iter().find(|route| route.id == id)
    }

    /// Method and path, for people.
    pub(super) fn shown(&self) -> String {
        format!("{} /{}", self.allow, self.suffix.join("/"))
    }

    /// HEAD asks for the head of what GET answers.
    pub(super) fn allows(&self, method: &Method) -> bool {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.allow.split(", ").any(|allowed| allowed == method.as_str())
    }

    /// Refuses a request that the route does not take: its method, or an id that is too long.
    pub(super) fn admit(&self, method: &Method, ids: &[String], options: &SurfaceOptions) -> Result<(), Refusal> {
        if self.id == RouteId::Memories && !options.memory_routes {
            return Err(Refusal::not_found("The routes below /memories are switched off."));
        }
        if !self.allows(method) {
            return Err(Refusal::method_not_allowed(self.allow));
        }
        let names = self.suffix.iter().filter_map(|segment| segment.strip_prefix(':'));
        match names.zip(ids).find(|(_, id)| id.len() > options.id_max) {
            Some((name, _)) => Err(Refusal::long_id(name, options.id_max)),
            None => Ok(()),
        }
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
    fn words_go_before_ids_as_recorded() {
        for (path, expected) in [
            ("threads/clear", RouteId::ThreadsClear),
            ("threads/subscribe", RouteId::ThreadsSubscribe),
            ("threads/clear/messages", RouteId::ThreadMessages),
            ("threads/t/archive", RouteId::ThreadArchive),
            ("threads/t/other", RouteId::Thread),
            ("threads", RouteId::Threads),
            ("memories/recall", RouteId::Memories),
        ] {
            assert_eq!(id(path).map(|(route, _)| route), (path != "threads/t/other").then_some(expected), "{path}");
        }
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
