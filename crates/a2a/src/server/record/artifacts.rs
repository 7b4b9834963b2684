//! What a run says, as artifacts: each of the agent's messages is one, and so is the run's result.

use crate::types::{Artifact, ArtifactUpdate, Part, PartContent};
use copilotkit_protocol::{Json, TextMessageStart, TextRole};
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Artifacts {
    /// In the order in which they began.
    all: Vec<Text>,
    by_id: HashMap<String, usize>,
}

#[derive(Debug)]
struct Text {
    id: String,
    content: Content,
    /// It goes on.
    open: bool,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Data(Json),
}

impl Artifacts {
    /// A message begins. Only what the agent says is made by it.
    pub(super) fn begin(&mut self, start: &TextMessageStart) {
        if start.role.unwrap_or_default() != TextRole::Assistant {
            return;
        }
        match self.by_id.get(&start.message_id) {
            Some(at) => {
                if let Some(text) = self.all.get_mut(*at) {
                    text.open = true;
                }
            }
            None => self.push(start.message_id.clone(), Content::Text(String::new()), true),
        }
    }

    fn push(&mut self, id: String, content: Content, open: bool) {
        self.by_id.insert(id.clone(), self.all.len());
        self.all.push(Text { id, content, open });
    }

    fn open(&mut self, id: &str) -> Option<&mut Text> {
        let at = *self.by_id.get(id)?;
        self.all.get_mut(at).filter(|text| text.open)
    }

    /// More of a message.
    pub(super) fn more(&mut self, id: &str, delta: &str) -> Option<ArtifactUpdate> {
        let Text { content: Content::Text(whole), .. } = self.open(id)? else { return None };
        let append = !whole.is_empty();
        whole.push_str(delta);
        Some(update(id, Part::text(delta), append, false))
    }

    /// A message ends. Nothing is said of one that is empty.
    pub(super) fn end(&mut self, id: &str) -> Option<ArtifactUpdate> {
        let text = self.open(id)?;
        text.open = false;
        let has_text = matches!(&text.content, Content::Text(whole) if !whole.is_empty());
        has_text.then(|| update(id, Part::text(""), true, true))
    }

    /// A message that is there as a whole; `None` where it is known or empty.
    pub(super) fn whole(&mut self, id: &str, text: String) -> Option<ArtifactUpdate> {
        if text.is_empty() || self.by_id.contains_key(id) {
            return None;
        }
        self.push(id.to_owned(), Content::Text(text.clone()), false);
        Some(update(id, Part::text(text), false, true))
    }

    /// Data that is there as a whole.
    pub(super) fn data(&mut self, id: String, data: Json) -> Option<ArtifactUpdate> {
        if self.by_id.contains_key(&id) {
            return None;
        }
        self.push(id.clone(), Content::Data(data.clone()), false);
        Some(update(&id, part(data), false, true))
    }

    /// All of them that hold something.
    pub(super) fn all(&self) -> Vec<Artifact> {
        let shown = |text: &Text| {
            let part = match &text.content {
                Content::Text(whole) if whole.is_empty() => return None,
                Content::Text(whole) => Part::text(whole.as_str()),
                Content::Data(data) => part(data.clone()),
            };
            Some(artifact(&text.id, part))
        };
        self.all.iter().filter_map(shown).collect()
    }
}

fn part(data: Json) -> Part {
    Part { media_type: Some("application/json".to_owned()), ..Part::data(data) }
}

fn artifact(id: &str, part: Part) -> Artifact {
    Artifact { artifact_id: id.to_owned(), parts: vec![part], ..Artifact::default() }
}

fn update(id: &str, part: Part, append: bool, last_chunk: bool) -> ArtifactUpdate {
    ArtifactUpdate { artifact: artifact(id, part), append, last_chunk, ..ArtifactUpdate::default() }
}

/// Adds the text of `more` to that of `artifact`; false where one of them is something else.
pub(super) fn join(artifact: &mut Artifact, more: &Artifact) -> bool {
    match (artifact.parts.as_mut_slice(), more.parts.as_slice()) {
        ([Part { content: PartContent::Text(text), .. }], [Part { content: PartContent::Text(more), .. }]) => {
            text.push_str(more);
            true
        }
        _ => false,
    }
}
