//! The text or reasoning that is being written. One at a time: a page shows them one after the other.

use copilotkit_runtime::model::ModelEvent;

/// Opens a block with its first piece, so that an error before it leaves no trace, and closes it when another begins.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    open: Open,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    Text,
    Reasoning,
}

impl Blocks {
    /// More text; `id` is that of a block that it begins.
    pub(crate) fn text(&mut self, id: Option<&str>, text: &str, out: &mut Vec<ModelEvent>) {
        if text.is_empty() {
            return;
        }
        if self.open != Open::Text {
            self.close(out);
            out.push(ModelEvent::TextStart { id: id.map(str::to_owned) });
            self.open = Open::Text;
        }
        out.push(ModelEvent::TextDelta(text.to_owned()));
    }

    /// More reasoning; `id` is that of a block that it begins.
    pub(crate) fn reasoning(&mut self, id: Option<&str>, text: &str, out: &mut Vec<ModelEvent>) {
        if !text.is_empty() {
            self.begin_reasoning(id, out);
            out.push(ModelEvent::ReasoningDelta(text.to_owned()));
        }
    }

    /// Reasoning that may have no readable text.
    pub(crate) fn begin_reasoning(&mut self, id: Option<&str>, out: &mut Vec<ModelEvent>) {
        if self.open != Open::Reasoning {
            self.close(out);
            out.push(ModelEvent::ReasoningStart { id: id.map(str::to_owned) });
            self.open = Open::Reasoning;
        }
    }

    /// The reasoning is complete, with what must come back.
    pub(crate) fn end_reasoning(&mut self, encrypted_value: Option<String>, out: &mut Vec<ModelEvent>) {
        if self.open == Open::Reasoning {
            self.open = Open::Nothing;
            out.push(ModelEvent::ReasoningEnd { encrypted_value });
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        self.open == Open::Text
    }

    pub(crate) fn is_reasoning(&self) -> bool {
        self.open == Open::Reasoning
    }

    /// Closes whatever is open.
    pub(crate) fn close(&mut self, out: &mut Vec<ModelEvent>) {
        match std::mem::take(&mut self.open) {
            Open::Nothing => {}
            Open::Text => out.push(ModelEvent::TextEnd),
            Open::Reasoning => out.push(ModelEvent::ReasoningEnd { encrypted_value: None }),
        }
    }
}
