//! Text messages: each thing that is said or written is one, and none is shown twice.

use copilotkit_protocol::{Event, TextMessageContent, TextMessageEnd, TextMessageStart, TextRole};
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Texts {
    /// What artifacts say, by their ids.
    artifacts: HashMap<String, Shown>,
    /// What was said last, by what it was.
    said: HashMap<String, Shown>,
}

struct Shown {
    id: String,
    /// The agent's id of the message.
    source: String,
    text: String,
    open: bool,
}

impl Shown {
    fn start(source: &str, text: &str, out: &mut Vec<Event>) -> Self {
        let mut shown = Self { id: super::new_id(), source: source.to_owned(), text: String::new(), open: true };
        let role = Some(TextRole::Assistant);
        out.push(TextMessageStart { message_id: shown.id.clone(), role, ..Default::default() }.into());
        shown.add(text, out);
        shown
    }

    /// Says more. A message that was ended goes on under its id.
    fn add(&mut self, more: &str, out: &mut Vec<Event>) {
        if more.is_empty() {
            return;
        }
        if !self.open {
            self.open = true;
            let role = Some(TextRole::Assistant);
            out.push(TextMessageStart { message_id: self.id.clone(), role, ..Default::default() }.into());
        }
        self.text.push_str(more);
        let delta = more.to_owned();
        out.push(TextMessageContent { message_id: self.id.clone(), delta, ..Default::default() }.into());
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if std::mem::take(&mut self.open) {
            out.push(TextMessageEnd { message_id: self.id.clone(), ..Default::default() }.into());
        }
    }
}

impl Texts {
    /// Says something. Where it begins with what was said last, only the rest is added; where it is the same, nothing. The
    /// id of the message that it stands in.
    pub(super) fn say(&mut self, key: &str, source: &str, text: &str, out: &mut Vec<Event>) -> Option<String> {
        if text.is_empty() {
            return self.said.get(key).map(|shown| shown.id.clone());
        }
        if let Some(last) = self.said.get_mut(key) {
            if let Some(rest) = text.strip_prefix(last.text.as_str()) {
                last.add(rest, out);
                source.clone_into(&mut last.source);
                return Some(last.id.clone());
            }
            last.close(out);
        }
        let shown = Shown::start(source, text, out);
        let id = shown.id.clone();
        self.said.insert(key.to_owned(), shown);
        Some(id)
    }

    /// A message that was shown is sent again: what is new of it is added.
    pub(super) fn grow(&mut self, source: &str, text: &str, out: &mut Vec<Event>) {
        let last = self.said.values_mut().find(|shown| shown.source == source);
        if let Some((last, rest)) =
            last.and_then(|last| text.strip_prefix(last.text.clone().as_str()).map(|rest| (last, rest)))
        {
            last.add(rest, out);
        }
    }

    /// More of an artifact.
    pub(super) fn append(&mut self, id: &str, text: &str, out: &mut Vec<Event>) {
        match self.artifacts.get_mut(id) {
            Some(shown) => shown.add(text, out),
            None if text.is_empty() => {}
            None => {
                self.artifacts.insert(id.to_owned(), Shown::start(id, text, out));
            }
        }
    }

    /// The whole of an artifact: only what is new of it is shown, all of it where it has become another. True when it has.
    pub(super) fn replace(&mut self, id: &str, text: &str, out: &mut Vec<Event>) -> bool {
        if let Some(shown) = self.artifacts.get_mut(id).filter(|_| !id.is_empty()) {
            if let Some(rest) = text.strip_prefix(shown.text.as_str()) {
                shown.add(rest, out);
                return false;
            }
            shown.close(out);
        }
        if text.is_empty() {
            return false;
        }
        if let Some(mut before) = self.artifacts.insert(id.to_owned(), Shown::start(id, text, out)) {
            before.close(out);
        }
        true
    }

    /// Nothing more of this artifact comes.
    pub(super) fn close(&mut self, id: &str, out: &mut Vec<Event>) {
        if let Some(shown) = self.artifacts.get_mut(id) {
            shown.close(out);
        }
    }

    pub(super) fn close_all(&mut self, out: &mut Vec<Event>) {
        self.said.values_mut().chain(self.artifacts.values_mut()).for_each(|shown| shown.close(out));
    }
}
