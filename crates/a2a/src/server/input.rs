//! What a message is to an agent.

use super::AG_UI_EXTENSION;
use super::fail::Failure;
use super::record::Record;
use crate::types::{Message, Part, PartContent, SendMessageRequest};
use crate::wire::ErrorKind;
use copilotkit_protocol::{
    Applied, AudioPart, Content, ContentPart, DataSource, DocumentPart, Event, ImagePart, Json, Message as AgUiMessage,
    Object, PartSource, RunAgentInput, TextPart, UrlSource, UserMessage, VideoPart,
};
use copilotkit_runtime::Store;
use copilotkit_runtime::store::ThreadKey;
use copilotkit_runtime::threads::History;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;

/// What a message must be before anything is asked for by it.
pub(super) fn check(request: &SendMessageRequest, id_max: usize) -> Result<(), Failure> {
    let message = &request.message;
    if message.message_id.is_empty() {
        return Err(Failure::params("message.messageId: there is none"));
    }
    let ids = [("messageId", Some(&message.message_id)), ("contextId", message.context_id.as_ref())];
    for (name, id) in ids {
        if id.is_some_and(|id| id.len() > id_max) {
            return Err(Failure::params(format!("message.{name}: longer than {id_max} bytes")));
        }
    }
    if message.parts.is_empty() {
        return Err(Failure::params("message.parts: there are none"));
    }
    if let Some(at) = message.parts.iter().position(|part| matches!(part.content, PartContent::Unknown)) {
        let what = format!("message.parts[{at}]: it has neither text nor raw nor url nor data");
        return Err(Failure::params(what));
    }
    if request.configuration.as_ref().is_some_and(|configuration| configuration.push.is_some()) {
        let what = "Push notifications are not supported. Use a stream, or subscribe to the task.";
        return Err(Failure::new(ErrorKind::PushNotificationNotSupported, what));
    }
    Ok(())
}

/// What a client that knows AG-UI sends along: state, tools, context, properties.
///
/// # Errors
/// Members that are not what a RunAgentInput has; the text names the member.
fn extension(request: &SendMessageRequest) -> Result<RunAgentInput, Failure> {
    let mut given = Map::new();
    for metadata in [&request.metadata, &request.message.metadata].into_iter().flatten() {
        if let Some((_, members)) = metadata.members().into_iter().find(|(name, _)| name == AG_UI_EXTENSION)
            && let Value::Object(members) = members.to_value()
        {
            given.extend(members);
        }
    }
    let mut whole = Map::from_iter([
        ("threadId".to_owned(), json!("")),
        ("runId".to_owned(), json!("")),
        ("messages".to_owned(), json!([])),
    ]);
    for name in ["state", "tools", "context", "forwardedProps"] {
        if let Some(value) = given.remove(name) {
            whole.insert(name.to_owned(), value);
        }
    }
    let input = copilotkit_protocol::from_slice::<RunAgentInput>(&copilotkit_protocol::to_vec(&whole));
    input.map_err(|error| Failure::params(format!("metadata of {AG_UI_EXTENSION}: {error}")))
}

/// What an agent is run with for a message: the conversation so far, and the message or the answer that it is.
pub(super) async fn run_input(
    store: Arc<dyn Store>,
    thread: ThreadKey,
    request: &SendMessageRequest,
    task: Option<&Record>,
    run_id: String,
) -> Result<RunAgentInput, Failure> {
    let mut input = extension(request)?;
    let answer = task.map(|task| super::question::answer(&task.waiting, &request.message)).transpose()?;
    input.thread_id = thread.thread_id.to_string();
    input.run_id = run_id;
    let (messages, state) = so_far(store, thread).await?;
    input.messages = messages;
    if input.state.is_none() {
        input.state = state;
    }
    let known: HashSet<String> = input.messages.iter().map(|message| message.id().to_owned()).collect();
    match answer {
        Some(answer) => {
            input.messages.extend(answer.results);
            input.resume = (!answer.resume.is_empty()).then_some(answer.resume);
        }
        None => {
            let mut message = user_message(&request.message);
            // A client that counts its messages from one anew must not be taken for one that says nothing new.
            if known.contains(&message.id) {
                message.id = format!("{}-{}", message.id, uuid::Uuid::new_v4().simple());
            }
            input.messages.push(message.into());
        }
    }
    Ok(input)
}

/// The messages and the state that the runs of a thread came to.
async fn so_far(store: Arc<dyn Store>, thread: ThreadKey) -> Result<(Vec<AgUiMessage>, Option<Json>), Failure> {
    let mut history = History::open(store, thread).await?;
    let (mut applied, mut has_state) = (Applied::default(), false);
    loop {
        let frames = history.next().await?;
        if frames.is_empty() {
            let state = has_state.then(|| applied.state());
            return Ok((applied.into_messages(), state));
        }
        for frame in &frames {
            match Event::from_json(&frame.json) {
                Ok(event) => {
                    has_state |= matches!(event, Event::StateSnapshot(_) | Event::StateDelta(_));
                    applied.apply(&event);
                }
                Err(error) => tracing::warn!(%error, seq = frame.seq, "a frame of the log cannot be read"),
            }
        }
        // A long history must not keep others waiting.
        tokio::task::yield_now().await;
    }
}

fn user_message(message: &Message) -> UserMessage {
    let metadata = message.metadata.as_ref().map(|metadata| {
        let members = metadata.members();
        let own = members.iter().filter(|(name, _)| name != AG_UI_EXTENSION);
        Object::from_members(own.map(|(name, value)| (name.as_str(), value)))
    });
    UserMessage {
        id: message.message_id.clone(),
        content: to_content(&message.parts),
        metadata: metadata.filter(|metadata| metadata.get() != "{}"),
        ..Default::default()
    }
}

/// Parts as an agent reads them. Data is a text: models have no other form for it.
fn to_content(parts: &[Part]) -> Content {
    if let [Part { content: PartContent::Text(text), .. }] = parts {
        return Content::Text(text.clone());
    }
    Content::Parts(parts.iter().filter_map(to_content_part).collect())
}

fn to_content_part(part: &Part) -> Option<ContentPart> {
    let media_type = part.media_type.clone();
    let source = match &part.content {
        PartContent::Text(text) => {
            return Some(ContentPart::Text(TextPart { text: text.clone(), ..Default::default() }));
        }
        PartContent::Data(data) => {
            return Some(ContentPart::Text(TextPart { text: data.get().to_owned(), ..Default::default() }));
        }
        PartContent::Raw(raw) => {
            let mime_type = media_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
            PartSource::Data(DataSource { value: raw.clone(), mime_type, ..Default::default() })
        }
        PartContent::Url(url) => {
            PartSource::Url(UrlSource { value: url.clone(), mime_type: media_type.clone(), ..Default::default() })
        }
        PartContent::Unknown => return None,
    };
    let metadata = part.filename.as_ref().map(|name| Json::from(json!({ "filename": name })));
    let kind = media_type.as_deref().and_then(|kind| kind.split('/').next()).unwrap_or_default();
    Some(match kind {
        "image" => ContentPart::Image(ImagePart { source, metadata, ..Default::default() }),
        "audio" => ContentPart::Audio(AudioPart { source, metadata, ..Default::default() }),
        "video" => ContentPart::Video(VideoPart { source, metadata, ..Default::default() }),
        _ => ContentPart::Document(DocumentPart { source, metadata, ..Default::default() }),
    })
}

/// The reverse: what a person said, as parts.
pub(super) fn to_parts(content: &Content) -> Vec<Part> {
    match content {
        Content::Text(text) => vec![Part::text(text.as_str())],
        Content::Parts(parts) => parts.iter().filter_map(crate::agent_input::content_part).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: Value) -> SendMessageRequest {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_message_that_says_nothing_is_refused() {
        let refused = |message: Value| check(&request(json!({ "message": message })), 8).unwrap_err().error.message;
        for (message, named) in [
            (json!({ "parts": [{ "text": "x" }] }), "messageId"),
            (json!({ "messageId": "m" }), "message.parts"),
            (json!({ "messageId": "m", "parts": [{ "text": "x" }, { "metadata": {} }] }), "message.parts[1]"),
            (json!({ "messageId": "m23456789", "parts": [{ "text": "x" }] }), "messageId: longer"),
            (json!({ "messageId": "m", "contextId": "c23456789", "parts": [{ "text": "x" }] }), "contextId: longer"),
        ] {
            let message = refused(message);
            assert!(message.contains(named), "{message}");
        }
        let push = json!({
            "message": { "messageId": "m", "parts": [{ "text": "x" }] },
            "configuration": { "taskPushNotificationConfig": { "url": "https://x/" } },
        });
        let kind = check(&request(push), 8).unwrap_err().error.kind();
        assert_eq!(kind, Some(ErrorKind::PushNotificationNotSupported));
    }

    #[test]
    fn parts_become_what_agents_read_and_come_back() {
        let message =
            request(json!({ "message": { "messageId": "m", "metadata": { "a": 1, AG_UI_EXTENSION: {} }, "parts": [
            { "text": "see" },
            { "data": { "days": 1 } },
            { "raw": "AA==", "mediaType": "image/png", "filename": "a.png" },
            { "url": "https://x/y.mp3", "mediaType": "audio/mpeg" },
            { "url": "https://x/y" } ] } }))
            .message;
        let user = user_message(&message);
        let shown: Value = serde_json::to_value(&user).unwrap();
        let expected = json!({ "role": "user", "id": "m", "metadata": { "a": 1 }, "content": [
            { "type": "text", "text": "see" },
            { "type": "text", "text": r#"{"days":1}"# },
            { "type": "image", "source": { "type": "data", "value": "AA==", "mimeType": "image/png" }, "metadata": { "filename": "a.png" } },
            { "type": "audio", "source": { "type": "url", "value": "https://x/y.mp3", "mimeType": "audio/mpeg" } },
            { "type": "document", "source": { "type": "url", "value": "https://x/y" } } ] });
        assert_eq!(shown, expected);
        let parts = to_parts(&user.content);
        assert_eq!((parts.len(), &parts[2]), (5, &message.parts[2]));
        let alone = request(json!({ "message": { "messageId": "m", "parts": [{ "text": " hi " }] } })).message;
        assert_eq!(user_message(&alone).content, Content::Text(" hi ".to_owned()));
    }

    #[test]
    fn clients_that_know_ag_ui_send_more() {
        let with = |more: Value| {
            request(
                json!({ "message": { "messageId": "m", "parts": [{ "text": "x" }], "metadata": { AG_UI_EXTENSION: more } } }),
            )
        };
        let tool = json!({ "name": "pick", "description": "", "parameters": {} });
        let input = extension(&with(json!({ "state": { "a": 1 }, "tools": [tool], "threadId": "other" }))).unwrap();
        assert_eq!((input.tools[0].name.as_str(), input.thread_id.as_str()), ("pick", ""));
        assert_eq!(input.state.unwrap().get(), r#"{"a":1}"#);
        let wrong = extension(&with(json!({ "tools": [{ "name": 1 }] }))).unwrap_err();
        assert!(wrong.error.message.contains("tools[0].name"), "{}", wrong.error.message);
    }
}
