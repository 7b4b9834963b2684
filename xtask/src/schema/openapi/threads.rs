//! The thread routes, and those of what only a platform has.

use super::*;

/// What the thread routes answer with, by definition.
pub(super) const BODIES: &[&str] =
    &["ThreadList", "Thread", "ThreadMessages", "ThreadEvents", "ThreadState", "ThreadArchived", "ThreadDeleted"];

const ONLY_ENDED: &str = "Of the runs that ended; `connect` follows one that goes on. An unknown thread has none.";

pub(super) fn operation(route: RouteId, method: &str) -> Option<Operation> {
    let plain = |name, summary, description, answers| Operation { name, summary, description, request: None, answers };
    let platform = "Frontends of a platform use it.";
    Some(match (route, method) {
        (RouteId::Threads, _) => plain(
            "listThreads",
            "The caller's threads",
            "The last used first. A page goes on where the last one ended, whatever happens to the threads meanwhile.",
            vec![
                Answer(200, Body::Json("ThreadList"), "A page of the list."),
                Answer(400, ERROR, "A parameter makes no sense; `message` names it (`invalid_parameter`)."),
                NO_STORE,
            ],
        ),
        (RouteId::Thread, "GET") => plain(
            "getThread",
            "One thread, as the list shows it",
            "Not in the reference runtime.",
            vec![Answer(200, Body::Json("Thread"), "The thread."), BAD_THREAD, NO_THREAD, NO_STORE],
        ),
        (RouteId::Thread, "PATCH") => Operation {
            name: "updateThread",
            summary: "Renames, archives or restores a thread",
            description: "What is absent from the body stays as it is.",
            request: Some(("ThreadUpdate", true)),
            answers: vec![
                Answer(200, Body::Json("Thread"), "The thread as it is now."),
                BAD_CHANGE,
                NO_THREAD,
                TOO_SLOW,
                TOO_LARGE,
                NO_STORE,
            ],
        },
        (RouteId::Thread, "DELETE") => Operation {
            name: "deleteThread",
            summary: "Deletes a thread and all its runs",
            description: "There is no way back.",
            request: Some(("ThreadScope", false)),
            answers: vec![
                Answer(200, Body::Json("ThreadDeleted"), "The thread is gone."),
                BAD_CHANGE,
                NO_THREAD,
                TOO_SLOW,
                LIVE_THREAD,
                TOO_LARGE,
                NO_STORE,
            ],
        },
        (RouteId::ThreadArchive, _) => Operation {
            name: "archiveThread",
            summary: "Archives a thread",
            description: "The list leaves it out unless it is asked for archived ones. PATCH brings it back.",
            request: Some(("ThreadScope", false)),
            answers: vec![
                Answer(200, Body::Json("ThreadArchived"), "It is archived."),
                BAD_CHANGE,
                NO_THREAD,
                TOO_SLOW,
                TOO_LARGE,
                NO_STORE,
            ],
        },
        (RouteId::ThreadMessages, _) => plain(
            "threadMessages",
            "The messages of a thread",
            ONLY_ENDED,
            vec![Answer(200, Body::Json("ThreadMessages"), "In the order of the page."), BAD_THREAD, NO_STORE],
        ),
        (RouteId::ThreadEvents, _) => plain(
            "threadEvents",
            "The events of a thread",
            ONLY_ENDED,
            vec![Answer(200, Body::Json("ThreadEvents"), "In their compact form."), BAD_THREAD, NO_STORE],
        ),
        (RouteId::ThreadState, _) => plain(
            "threadState",
            "The shared state of a thread",
            ONLY_ENDED,
            vec![Answer(200, Body::Json("ThreadState"), "The state, or null."), BAD_THREAD, NO_STORE],
        ),
        (RouteId::ThreadsClear, _) => plain(
            "clearThreads",
            "Deletes all threads of the caller",
            "Archived ones too. A thread with an active run stays. Other callers' threads are not touched.",
            vec![Answer(204, Body::Empty, "They are gone."), NO_STORE],
        ),
        (RouteId::ThreadsSubscribe, _) => {
            plain("subscribeThreads", "Changes of threads over a websocket: not here", platform, vec![NO_PLATFORM])
        }
        (RouteId::Annotate, _) => plain("annotate", "A user's actions: not recorded", platform, vec![NO_PLATFORM]),
        (RouteId::InspectorMetadata, _) => plain(
            "inspectorMetadata",
            "Facts about a deployment, for the inspector: none",
            platform,
            vec![Answer(204, Body::Empty, "Always.")],
        ),
        (RouteId::InspectorLearning, _) => plain(
            "inspectorLearning",
            "What was learned from conversations, for the inspector: nothing",
            platform,
            vec![Answer(404, ERROR, "Always.")],
        ),
        _ => return None,
    })
}

/// The parameters of a route's query, if it has any.
pub(super) fn query(route: RouteId) -> Option<Value> {
    let parameter = |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": description });
    let text = || json!({ "type": "string" });
    (route == RouteId::Threads).then(|| {
        json!([
            parameter("agentId", text(), "Only threads whose last run was of this agent."),
            parameter("includeArchived", json!({ "type": "boolean", "default": false }), "Archived threads too."),
            parameter(
                "limit",
                json!({ "type": "integer", "minimum": 1 }),
                "At most so many; a page never holds more than 1,000.",
            ),
            parameter("cursor", text(), "`nextCursor` of the page before."),
        ])
    })
}
