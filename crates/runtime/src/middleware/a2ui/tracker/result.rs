//! Surfaces in the results of tools that draw in their own way.

use super::{Followed, State, Tracker, message_id};
use crate::middleware::a2ui::shape;
use crate::middleware::arguments::compact;
use copilotkit_protocol::{Emitted, Json, ToolCallResult};
use serde::Deserialize;
use serde_json::Value;

/// What agents say that tried by themselves and gave up.
const EXHAUSTED: &str = "a2ui_recovery_exhausted";
/// The surface of operations that name none.
const UNNAMED: &str = "default";

#[derive(Deserialize)]
struct Content {
    a2ui_operations: Option<Vec<Json>>,
    code: Option<Value>,
    error: Option<Value>,
    attempts: Option<Json>,
}

impl Tracker {
    /// Looks for surfaces in a result that has just been passed on.
    pub(super) fn result(&mut self, result: &ToolCallResult, out: &mut Vec<Emitted>) {
        let id = &result.tool_call_id;
        self.open.retain(|open| open != id);
        let mut shown = false;
        for followed in &mut self.calls {
            let Followed { id: own, outer, call, answered, .. } = followed;
            let is_own = own == id;
            *answered |= is_own;
            shown |= (is_own || outer.as_deref() == Some(id)) && call.is_painted();
        }
        let key = self.outer.clone().unwrap_or_else(|| id.clone());
        if self.outer.as_ref() == Some(id) {
            self.outer = None;
        }
        let text = result.content.text();
        if shown || !(text.contains(shape::OPERATIONS) || text.contains(EXHAUSTED)) {
            return;
        }
        // A tool that answers with a string may have its JSON in it.
        let inner: Option<String> = serde_json::from_str(&text).ok();
        let Ok(content) = serde_json::from_str::<Content>(inner.as_deref().unwrap_or(&text)) else { return };
        if let Some(operations) = content.a2ui_operations {
            self.operations(&key, &operations, out);
        } else if content.code.as_ref().and_then(Value::as_str) == Some(EXHAUSTED) {
            let error = content.error.as_ref().and_then(Value::as_str).unwrap_or("The surface could not be made.");
            let attempts = content.attempts.filter(|attempts| attempts.get().starts_with('['));
            let attempts =
                attempts.and_then(|attempts| compact(attempts.get()).ok()).unwrap_or_else(|| Json::of(&[(); 0]));
            let tries = attempts.read::<Vec<Json>>().map_or(0, |all| all.len());
            self.surfaces.entry(key.clone()).or_default().state = State::Failed;
            out.push(self.failed(&key, error, &attempts, tries));
        }
    }

    /// One activity for each surface, with all that is said of it: half a surface cannot be drawn.
    fn operations(&mut self, key: &str, operations: &[Json], out: &mut Vec<Emitted>) {
        let mut surfaces: Vec<(String, Vec<Json>)> = Vec::new();
        for operation in operations.iter().filter(|operation| operation.is_object()) {
            let id = surface_of(operation);
            // Calls that streamed have shown it.
            if id.as_ref().is_some_and(|id| self.painted.contains(id)) {
                continue;
            }
            let Ok(operation) = compact(operation.get()) else { continue };
            let id = id.unwrap_or_else(|| UNNAMED.to_owned());
            match surfaces.iter_mut().find(|(known, _)| *known == id) {
                Some((_, all)) => all.push(operation),
                None => surfaces.push((id, vec![operation])),
            }
        }
        let single = surfaces.len() == 1;
        for (id, operations) in surfaces {
            let content = shape::content(&Json::of(&operations));
            let message_id = if single { message_id(key) } else { message_id(&format!("{id}-{key}")) };
            out.push(shape::snapshot(message_id, content).into());
            self.surfaces.entry(key.to_owned()).or_default().state = State::Painted;
        }
    }
}

fn surface_of(operation: &Json) -> Option<String> {
    let operation = operation.to_value();
    let names = ["createSurface", "updateComponents", "updateDataModel", "deleteSurface"];
    names.iter().find_map(|name| operation.get(name)?.get("surfaceId")?.as_str().map(str::to_owned))
}
