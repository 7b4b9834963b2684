//! Where a call goes over HTTP+JSON, and what its body is.

use crate::types::{ListTasksRequest, PushConfig};
use crate::wire::{Call, ProtocolVersion};
use http::Method;
use url::Url;

/// A request: the verb, the address, and the body of a POST.
pub(super) type Request = (Method, Url, Option<Vec<u8>>);

/// Makes the request of a call; `None` for an address that cannot be a base.
pub(super) fn request(base: &Url, tenant: Option<&str>, call: &Call) -> Option<Request> {
    let at = |segments: &[&str]| {
        let mut url = base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend(tenant).extend(segments);
        Some(url)
    };
    let post = |url: Option<Url>, body: Vec<u8>| Some((Method::POST, url?, Some(body)));
    let bare = |verb: Method, url: Option<Url>| Some((verb, url?, None));
    let body = |call: &Call| call.params(ProtocolVersion::V1_0).get().as_bytes().to_vec();
    let empty = || b"{}".to_vec();
    match call {
        Call::Send(_) => post(at(&["message:send"]), body(call)),
        Call::Stream(_) => post(at(&["message:stream"]), body(call)),
        Call::Get(request) => {
            let mut url = at(&["tasks", &request.id])?;
            if let Some(length) = request.history_length {
                url.query_pairs_mut().append_pair("historyLength", &length.to_string());
            }
            bare(Method::GET, Some(url))
        }
        Call::List(request) => bare(Method::GET, at(&["tasks"]).map(|url| with_query(url, request))),
        Call::Cancel(request) => post(at(&["tasks", &format!("{}:cancel", request.id)]), empty()),
        // A GET in one place of the specification and a POST in another; the official servers take both.
        Call::Subscribe(request) => post(at(&["tasks", &format!("{}:subscribe", request.id)]), empty()),
        Call::CreatePush(config) => {
            let task_id = config.task_id.clone().unwrap_or_default();
            let config = PushConfig { tenant: None, task_id: None, ..config.clone() };
            post(at(&["tasks", &task_id, "pushNotificationConfigs"]), copilotkit_protocol::to_vec(&config))
        }
        Call::GetPush(request) => {
            bare(Method::GET, at(&["tasks", &request.task_id, "pushNotificationConfigs", &request.id]))
        }
        Call::ListPush(request) => bare(Method::GET, at(&["tasks", &request.task_id, "pushNotificationConfigs"])),
        Call::DeletePush(request) => {
            bare(Method::DELETE, at(&["tasks", &request.task_id, "pushNotificationConfigs", &request.id]))
        }
        Call::ExtendedCard => bare(Method::GET, at(&["extendedAgentCard"])),
    }
}

fn with_query(mut url: Url, request: &ListTasksRequest) -> Url {
    let number = |value: Option<u32>| value.map(|value| value.to_string());
    let parameters = [
        ("contextId", request.context_id.clone()),
        ("status", request.status.as_ref().map(|state| state.as_v1().to_owned())),
        ("pageSize", number(request.page_size)),
        ("pageToken", request.page_token.clone()),
        ("historyLength", number(request.history_length)),
        ("statusTimestampAfter", request.status_timestamp_after.clone()),
        ("includeArtifacts", request.include_artifacts.map(|value| value.to_string())),
    ];
    for (name, value) in parameters.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        url.query_pairs_mut().append_pair(name, &value);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{CancelTaskRequest, GetTaskRequest, TaskState};

    fn shown(base: &str, tenant: Option<&str>, call: &Call) -> String {
        let (verb, url, _) = request(&Url::parse(base).unwrap(), tenant, call).unwrap();
        format!("{verb} {url}")
    }

    #[test]
    fn ids_stay_in_their_segment() {
        let get =
            Call::Get(GetTaskRequest { id: "../a b?c".to_owned(), history_length: Some(1), ..Default::default() });
        assert_eq!(shown("https://a/rest/", None, &get), "GET https://a/rest/tasks/..%2Fa%20b%3Fc?historyLength=1");
        let cancel = Call::Cancel(CancelTaskRequest { id: "t-1".to_owned(), ..Default::default() });
        assert_eq!(shown("https://a/rest", Some("acme"), &cancel), "POST https://a/rest/acme/tasks/t-1:cancel");
        let list =
            Call::List(ListTasksRequest { status: Some(TaskState::Working), page_size: Some(5), ..Default::default() });
        assert_eq!(shown("https://a", None, &list), "GET https://a/tasks?status=TASK_STATE_WORKING&pageSize=5");
    }
}
