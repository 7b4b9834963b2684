//! Conversations of dialects in which user and assistant take turns.

use serde::Serialize;

/// What one side says, as a list of blocks.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<B> {
    pub(crate) role: &'static str,
    pub(crate) content: Vec<B>,
}

impl<B> Entry<B> {
    /// Adds blocks to the entry of this side if it spoke last, else to a new one.
    pub(crate) fn add(entries: &mut Vec<Self>, role: &'static str, blocks: impl IntoIterator<Item = B>) {
        let mut blocks = blocks.into_iter().peekable();
        if blocks.peek().is_none() {
            return;
        }
        match entries.last_mut() {
            Some(last) if last.role == role => last.content.extend(blocks),
            _ => entries.push(Self { role, content: blocks.collect() }),
        }
    }

    /// Services want the user to speak first; a page may have begun with a greeting of the assistant.
    pub(crate) fn begin_with_user(entries: &mut Vec<Self>, block: impl FnOnce(&'static str) -> B) {
        if entries.first().is_some_and(|entry| entry.role != "user") {
            let block = block("(The assistant speaks first.)");
            entries.insert(0, Self { role: "user", content: vec![block] });
        }
    }
}
