//! One call that makes a page, while its arguments stream.

use super::ACTIVITY;
use crate::limits;
use crate::middleware::arguments::{Arguments, Found, What, add, unescape};
use copilotkit_protocol::{ActivityDelta, ActivitySnapshot, Emitted, Event, Json, Object};
use serde_json::Value;

/// What is shown as it comes: its pieces make a list.
const HTML: &str = "html";
/// The height that the frame begins with, in pixels.
const HEIGHT: &str = "initialHeight";
/// Texts that are shown when they are complete.
const TEXTS: [&str; 2] = ["css", "jsFunctions"];
/// Lists that are shown item by item.
const LISTS: [&str; 2] = ["placeholderMessages", "jsExpressions"];
/// The list that must be known to be complete: its items are executed in their order.
const EXECUTED: &str = "jsExpressions";

pub(super) struct Call {
    id: String,
    arguments: Arguments,
    /// Events that wait for something to be shown; `None` once there is.
    held: Option<Vec<Emitted>>,
    /// How far the text of the page was shown, and whether any of it was.
    html: Option<usize>,
    html_begun: bool,
    too_long: bool,
}

impl Call {
    /// A call and its start.
    pub(super) fn new(id: String, start: Emitted) -> Self {
        let arguments = Arguments::default();
        Self { id, arguments, held: Some(vec![start]), html: None, html_begun: false, too_long: false }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Takes a piece of the arguments.
    pub(super) fn push(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        let piece = match &*event.event() {
            Event::ToolCallArgs(arguments) => arguments.delta.clone(),
            _ => String::new(),
        };
        self.pass(event, out);
        // What is shown stays. A piece is never left out, so that nothing is shown that was not said.
        self.too_long |= !self.arguments.push(&piece, limits::SURFACE_ARGUMENTS);
        if self.too_long {
            return;
        }
        while let Some(found) = self.arguments.next() {
            self.find(&found, out);
        }
        if let Some((start, 1)) = self.arguments.open_string()
            && self.arguments.key(0) == Some(HTML)
        {
            self.html.get_or_insert(start + 1);
            self.show_html(None, out);
        }
    }

    /// No more arguments come. The end of the call is passed on, if it came.
    pub(super) fn end(mut self, event: Option<Emitted>, out: &mut Vec<Emitted>) {
        match self.held.take() {
            // There is nothing to show.
            Some(held) => out.extend(held),
            None => out.push(self.delta("/generating", &Json::of(&false))),
        }
        out.extend(event);
    }

    /// An event of the call itself.
    fn pass(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        match &mut self.held {
            Some(held) => held.push(event),
            None => out.push(event),
        }
    }

    /// Shows what has become known.
    fn find(&mut self, found: &Found, out: &mut Vec<Emitted>) {
        let Some(name) = self.arguments.key(0).map(str::to_owned) else { return };
        let value = || serde_json::from_str::<Value>(self.arguments.text(found.range.clone())).unwrap_or_default();
        match (found.what, found.depth, name.as_str()) {
            (What::Complete, 1, HTML) => {
                if value().is_string() {
                    self.html.get_or_insert(found.range.start + 1);
                    self.show_html(Some(found.range.end - 1), out);
                }
                self.show("htmlComplete", &Json::of(&true), out);
            }
            (What::Complete, 1, HEIGHT) => {
                let height = Some(value()).filter(Value::is_number).map(Json::from);
                match (height, &self.held) {
                    (height, Some(_)) => self.begin(height.as_ref(), out),
                    (Some(height), None) => out.push(self.delta("/initialHeight", &height)),
                    (None, None) => {}
                }
            }
            (What::Complete, 1, name) if TEXTS.contains(&name) => {
                if let Some(text) = text(value()) {
                    self.show(name, &Json::of(&text), out);
                }
                self.show(&format!("{name}Complete"), &Json::of(&true), out);
            }
            (What::Began { is_list: true }, 1, name) if LISTS.contains(&name) => {
                self.show(name, &Json::of(&[(); 0]), out);
            }
            (What::Complete, 2, name) if LISTS.contains(&name) && self.arguments.key(1).is_none() => {
                if let Some(text) = text(value()) {
                    self.show(&format!("{name}/-"), &Json::of(&text), out);
                }
            }
            (What::Complete, 1, EXECUTED) if value().is_array() => {
                self.show("jsExpressionsComplete", &Json::of(&true), out);
            }
            _ => {}
        }
    }

    /// Shows what came of the page's text, up to `end` or as far as it goes.
    fn show_html(&mut self, end: Option<usize>, out: &mut Vec<Emitted>) {
        let Some(from) = self.html else { return };
        let end = end.unwrap_or(self.arguments.whole().len());
        let (text, taken) = unescape(self.arguments.text(from..end));
        if text.is_empty() {
            return;
        }
        self.html = Some(from + taken);
        if !std::mem::replace(&mut self.html_begun, true) {
            self.show(HTML, &Json::of(&[(); 0]), out);
        }
        self.show("html/-", &Json::of(&text), out);
    }

    /// A change of the activity, which begins with it if it has not begun.
    fn show(&mut self, path: &str, value: &Json, out: &mut Vec<Emitted>) {
        self.begin(None, out);
        out.push(self.delta(&format!("/{path}"), value));
    }

    fn begin(&mut self, height: Option<&Json>, out: &mut Vec<Emitted>) {
        let Some(held) = self.held.take() else { return };
        let generating = Json::of(&true);
        let height = height.map(|height| (HEIGHT, height));
        let content = Object::from_members(height.into_iter().chain([("generating", &generating)]));
        let (message_id, activity_type) = (self.message_id(), ACTIVITY.to_owned());
        out.push(ActivitySnapshot { message_id, activity_type, content, ..Default::default() }.into());
        out.extend(held);
    }

    fn delta(&self, path: &str, value: &Json) -> Emitted {
        let (message_id, activity_type) = (self.message_id(), ACTIVITY.to_owned());
        ActivityDelta { message_id, activity_type, patch: add(path, value), ..Default::default() }.into()
    }

    fn message_id(&self) -> String {
        format!("{}-activity", self.id)
    }
}

/// A text, or what stands for one.
fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_string()),
    }
}
