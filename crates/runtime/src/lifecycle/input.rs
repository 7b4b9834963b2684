//! What the agent gets, and what the readers are shown of it.

use copilotkit_protocol::{Content, ContentPart, Json, Message, PartSource, RunAgentInput, TextPart};
use std::collections::HashSet;

/// The input as RUN_STARTED shows it: without messages that the thread's log holds.
pub(super) fn echo(input: &RunAgentInput, known: &HashSet<String>) -> Box<RunAgentInput> {
    let messages = input.messages.iter().filter(|message| !known.contains(message.id())).cloned().collect();
    Box::new(RunAgentInput {
        thread_id: input.thread_id.clone(),
        run_id: input.run_id.clone(),
        protocol_version: input.protocol_version.clone(),
        parent_run_id: input.parent_run_id.clone(),
        state: input.state.clone(),
        messages,
        tools: input.tools.clone(),
        context: input.context.clone(),
        forwarded_props: input.forwarded_props.clone(),
        resume: input.resume.clone(),
        extra: Default::default(),
    })
}

/// Takes the largest attachments out of an echo, until so many bytes are saved. Words stand in their place: what a person
/// wrote beside them stays in the thread.
pub(super) fn lighten(input: &mut RunAgentInput, excess: usize) {
    let mut parts: Vec<&mut ContentPart> = input.messages.iter_mut().filter_map(parts).flatten().collect();
    parts.sort_by_key(|part| std::cmp::Reverse(weight(part)));
    let mut saved = 0;
    for part in parts {
        let bytes = weight(part);
        if saved >= excess || bytes < LIGHT {
            return;
        }
        *part = ContentPart::Text(TextPart { text: placeholder(part, bytes), ..TextPart::default() });
        saved += bytes;
    }
}

/// Leaves of an echo what a thread is made of.
pub(super) fn messages_only(input: &mut RunAgentInput) {
    (input.state, input.forwarded_props) = (None, None);
    (input.tools, input.context) = Default::default();
}

/// An attachment of so many bytes as base64 may stay: taking it out would save nothing.
const LIGHT: usize = 16 * 1024;

fn parts(message: &mut Message) -> Option<&mut Vec<ContentPart>> {
    let content = match message {
        Message::User(message) => &mut message.content,
        Message::Tool(message) => &mut message.content,
        _ => return None,
    };
    match content {
        Content::Parts(parts) => Some(parts),
        Content::Text(_) => None,
    }
}

/// The bytes that a part holds, as base64.
fn weight(part: &ContentPart) -> usize {
    match part {
        ContentPart::Binary(part) => part.data.as_ref().or(part.url.as_ref()).map_or(0, String::len),
        part => source(part).map_or(0, |source| match source {
            PartSource::Data(data) => data.value.len(),
            PartSource::Url(url) => url.value.len(),
            _ => 0,
        }),
    }
}

fn source(part: &ContentPart) -> Option<&PartSource> {
    match part {
        ContentPart::Image(part) => Some(&part.source),
        ContentPart::Audio(part) => Some(&part.source),
        ContentPart::Video(part) => Some(&part.source),
        ContentPart::Document(part) => Some(&part.source),
        _ => None,
    }
}

fn placeholder(part: &ContentPart, base64: usize) -> String {
    let kind = match part {
        ContentPart::Binary(part) => part.mime_type.as_str(),
        part => match source(part) {
            Some(PartSource::Data(data)) => data.mime_type.as_str(),
            Some(PartSource::Url(url)) => url.mime_type.as_deref().unwrap_or("file"),
            _ => "file",
        },
    };
    format!("[An attachment ({kind}, {:.1} MB) was too large to be kept with the thread.]", base64 as f64 * 0.75 / 1e6)
}

/// The input as an agent gets it: without activity messages, with `state` and `forwardedProps` in any case, as the
/// reference runtime hands it over and as Python agents require it.
pub(super) fn for_agent(mut input: RunAgentInput) -> RunAgentInput {
    input.messages.retain(|message| !matches!(message, Message::Activity(_)));
    let empty = || Json::of(&serde_json::Map::new());
    input.state.get_or_insert_with(empty);
    input.forwarded_props.get_or_insert_with(empty);
    input
}
