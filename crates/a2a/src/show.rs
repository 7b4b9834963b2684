//! Parts as text, for people and for models.

use crate::fold::TaskView;
use crate::guard::{clean, clean_line, cut, is_web_link};
use crate::limits;
use crate::types::{Part, PartContent, TaskState};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The largest text file that is shown in full.
const TEXT_FILE: usize = 16 * 1024;
/// The largest data part that is shown in full.
const DATA: usize = 64 * 1024;

/// A part that is no text, as text; `None` for what has nothing to show.
pub(crate) fn other_part(part: &Part) -> Option<String> {
    let name = part.filename.as_deref().map(|name| clean_line(name, 200));
    match &part.content {
        PartContent::Text(text) => Some(clean(text)),
        // Its text stands beside it.
        PartContent::Data(data) if crate::interrupt::told(data).is_some() => None,
        PartContent::Data(data) => {
            let (text, is_cut) = cut(data.get(), DATA);
            Some(fenced("json", text, is_cut))
        }
        PartContent::Url(url) if is_web_link(url) => {
            let name = name.unwrap_or_else(|| "file".to_owned()).replace(['[', ']'], " ");
            Some(format!("[{}]({url}){}", name.trim(), kind(part)))
        }
        PartContent::Url(url) => Some(format!("File {}{}", clean_line(url, 500), kind(part))),
        PartContent::Raw(raw) => {
            let bytes = decoded_len(raw);
            let name = name.unwrap_or_else(|| "without a name".to_owned());
            let head = format!("File {name}{}, {bytes} bytes", kind(part));
            let is_text = part.media_type.as_deref().is_some_and(|kind| {
                let essence = kind.split(';').next().unwrap_or_default().trim();
                // Pages that draw HTML or SVG would run it.
                matches!(essence, "text/plain" | "text/csv" | "text/markdown" | "application/json")
            });
            let text = if is_text && bytes <= TEXT_FILE { text_file(raw) } else { None };
            Some(match text {
                Some(text) => format!("{head}:\n{}", fenced("", &text, false)),
                None => head,
            })
        }
        PartContent::Unknown => None,
    }
}

fn kind(part: &Part) -> String {
    part.media_type.as_deref().map_or_else(String::new, |kind| format!(" ({})", clean_line(kind, 100)))
}

fn text_file(raw: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_STANDARD.decode(raw).ok()?).ok()?;
    Some(clean(&text))
}

/// How many bytes base64 stands for.
pub(crate) fn decoded_len(raw: &str) -> usize {
    let padding = raw.bytes().rev().take_while(|byte| *byte == b'=').count();
    (raw.len() * 3 / 4).saturating_sub(padding)
}

/// In a fence that nothing in the text closes.
fn fenced(language: &str, text: &str, is_cut: bool) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    let rest = if is_cut { "\n…" } else { "" };
    format!("{fence}{language}\n{}{rest}\n{fence}", text.trim_end())
}

/// Parts of a message as text: one after the other, each on lines of its own.
pub(crate) fn parts_text(parts: &[Part]) -> String {
    let shown: Vec<_> = parts.iter().filter_map(other_part).filter(|text| !text.is_empty()).collect();
    shown.join("\n")
}

/// Parts of an artifact as text. Texts that follow each other are pieces of one.
fn artifact_text(parts: &[Part]) -> String {
    let mut text = String::new();
    let mut after_text = false;
    for part in parts {
        let Some(shown) = other_part(part) else { continue };
        let is_text = part.as_text().is_some();
        let goes_on = after_text && is_text;
        if !text.is_empty() && !goes_on {
            text.push('\n');
        }
        text.push_str(&shown);
        after_text = is_text;
    }
    text
}

/// What an agent answered, for the model that asked: what the task made, else what it said, and its state where it is
/// not done. Never its history.
pub(crate) fn answer(view: &TaskView) -> String {
    let mut text = match &view.message {
        Some(message) => parts_text(&message.parts),
        None => {
            let made: Vec<_> = view.artifacts.iter().map(|artifact| artifact_text(&artifact.parts)).collect();
            made.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
        }
    };
    let said = view.status.message.as_ref().map(|message| parts_text(&message.parts)).unwrap_or_default();
    let state = view.state();
    if state == TaskState::Completed {
        if text.is_empty() {
            text = said;
        }
        if text.is_empty() {
            "The agent is done and said nothing.".clone_into(&mut text);
        }
    } else {
        let word = match &state {
            TaskState::Failed => "The agent failed",
            TaskState::Rejected => "The agent rejected the task",
            TaskState::Canceled => "The task was canceled",
            TaskState::InputRequired => "The agent needs an answer to go on",
            TaskState::AuthRequired => "The agent needs the user to sign in to go on",
            _ => "The task is not done",
        };
        let why = if said.is_empty() { format!("{word}.") } else { format!("{word}: {said}") };
        text = if text.is_empty() { why } else { format!("{text}\n\n{why}") };
    }
    match cut(&text, limits::ANSWER_TEXT) {
        (_, false) => text,
        (start, true) => format!("{start}\n… (cut: the answer has {} bytes)", text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Message, Role, read_event};

    fn part(json: &str) -> Part {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_part_can_be_read() {
        for (json, text) in [
            (
                r#"{"url":"https://f.invalid/p.png","filename":"p].png","mediaType":"image/png"}"#,
                "[p .png](https://f.invalid/p.png) (image/png)",
            ),
            (r#"{"url":"javascript:alert(1)","filename":"x"}"#, "File javascript:alert(1)"),
            (
                r#"{"raw":"AAECAwQFBgc=","filename":"b.bin","mediaType":"application/octet-stream"}"#,
                "File b.bin (application/octet-stream), 8 bytes",
            ),
            (
                r#"{"raw":"aGVsbG8K","filename":"h.txt","mediaType":"text/plain"}"#,
                "File h.txt (text/plain), 6 bytes:\n```\nhello\n```",
            ),
            (
                r#"{"raw":"PHN2Zz4=","filename":"h.svg","mediaType":"image/svg+xml"}"#,
                "File h.svg (image/svg+xml), 5 bytes",
            ),
            (r#"{"data":{"a":[1]}}"#, "```json\n{\"a\":[1]}\n```"),
        ] {
            assert_eq!(other_part(&part(json)).unwrap(), text);
        }
        assert_eq!(fenced("", "a\n```\nb", false), "````\na\n```\nb\n````");
    }

    #[test]
    fn an_answer_is_what_was_made_and_what_is_the_matter() {
        let mut view = TaskView::default();
        for event in [
            r#"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"text":"Alpha "},{"text":"beta."}]}}}"#,
            r#"{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_FAILED","message":{"parts":[{"text":"disk full"}]}}}}"#,
        ] {
            view.apply(&read_event(event).unwrap()).unwrap();
        }
        assert_eq!(answer(&view), "Alpha beta.\n\nThe agent failed: disk full");
        let message = Message::new("m", Role::Agent, vec![Part::text("first"), Part::text("second")]);
        let said = |message: Message| {
            let mut view = TaskView::default();
            view.message = Some(message);
            answer(&view)
        };
        assert_eq!(said(message), "first\nsecond");
        let long = Message::new("m", Role::Agent, vec![Part::text("x".repeat(limits::ANSWER_TEXT + 1))]);
        assert!(said(long).ends_with("bytes)"));
    }
}
