//! What a task has come to, event by event.

use crate::limits;
use crate::types::{Artifact, ArtifactUpdate, Event, Message, PartContent, Task, TaskState, TaskStatus};

/// What is known of one answer: a task, or a message that stands for one.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskView {
    /// The task.
    pub(crate) task_id: Option<String>,
    /// The conversation, as the agent calls it.
    pub(crate) context_id: Option<String>,
    /// Its last status.
    pub(crate) status: TaskStatus,
    /// What it made.
    pub(crate) artifacts: Vec<Artifact>,
    /// The answer, where there is no task.
    pub(crate) message: Option<Message>,
    /// A server said that nothing more comes.
    last: bool,
    bytes: usize,
    parts: usize,
}

impl TaskView {
    /// Takes the next event. Ids are not compared: a stream tells of one task, and servers name others by mistake.
    ///
    /// # Errors
    /// What was too much of it.
    pub(crate) fn apply(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Task(task) => self.task(task),
            Event::Message(message) => {
                known(&mut self.context_id, message.context_id.as_ref());
                self.message = Some(message.clone());
                Ok(())
            }
            Event::Status(update) => {
                first(&mut self.task_id, &update.task_id);
                known(&mut self.context_id, update.context_id.as_ref());
                self.status = update.status.clone();
                self.last |= update.is_final == Some(true);
                Ok(())
            }
            Event::Artifact(update) => {
                first(&mut self.task_id, &update.task_id);
                known(&mut self.context_id, update.context_id.as_ref());
                self.artifact(update)
            }
            Event::Unknown => Ok(()),
        }
    }

    /// Takes the ids of a task, and nothing of what it says.
    pub(crate) fn name(&mut self, task: &Task) {
        first(&mut self.task_id, &task.id);
        known(&mut self.context_id, task.context_id.as_ref());
    }

    fn task(&mut self, task: &Task) -> Result<(), String> {
        first(&mut self.task_id, &task.id);
        known(&mut self.context_id, task.context_id.as_ref());
        self.status = task.status.clone();
        // A snapshot may leave artifacts out, for it was not asked for them.
        if !task.artifacts.is_empty() {
            self.artifacts.clear();
            (self.bytes, self.parts) = (0, 0);
            for artifact in &task.artifacts {
                self.count(artifact)?;
                self.artifacts.push(artifact.clone());
            }
        }
        Ok(())
    }

    fn artifact(&mut self, update: &ArtifactUpdate) -> Result<(), String> {
        self.count(&update.artifact)?;
        let id = &update.artifact.artifact_id;
        let place =
            self.artifacts.iter_mut().rev().find(|known| known.artifact_id == *id && (!id.is_empty() || update.append));
        match place {
            Some(artifact) if update.append => {
                artifact.parts.extend(update.artifact.parts.iter().cloned());
                let later = &update.artifact;
                known(&mut artifact.name, later.name.as_ref());
                known(&mut artifact.description, later.description.as_ref());
            }
            Some(artifact) => *artifact = update.artifact.clone(),
            None => self.artifacts.push(update.artifact.clone()),
        }
        Ok(())
    }

    fn count(&mut self, artifact: &Artifact) -> Result<(), String> {
        self.parts += artifact.parts.len();
        for part in &artifact.parts {
            self.bytes += match &part.content {
                PartContent::Text(text) | PartContent::Raw(text) | PartContent::Url(text) => text.len(),
                PartContent::Data(data) => data.get().len(),
                PartContent::Unknown => 0,
            };
        }
        if self.bytes > limits::ARTIFACT_BYTES {
            return Err(format!("artifacts of more than {} bytes", limits::ARTIFACT_BYTES));
        }
        if self.parts > limits::PARTS || self.artifacts.len() > limits::ARTIFACTS {
            return Err(format!("more than {} artifacts or {} parts", limits::ARTIFACTS, limits::PARTS));
        }
        Ok(())
    }

    /// Nothing more comes before the next message.
    pub(crate) fn is_done(&self) -> bool {
        self.message.is_some() || self.status.state.is_settled() || self.last
    }

    /// The state; a message that stands for a task is a completed one.
    pub(crate) fn state(&self) -> TaskState {
        if self.message.is_some() { TaskState::Completed } else { self.status.state.clone() }
    }

    /// The task says something else than before.
    pub(crate) fn differs(&self, task: &Task) -> bool {
        self.status != task.status || (!task.artifacts.is_empty() && self.artifacts != task.artifacts)
    }
}

fn first(place: &mut Option<String>, id: &str) {
    if place.is_none() && !id.is_empty() {
        *place = Some(id.to_owned());
    }
}

fn known(place: &mut Option<String>, value: Option<&String>) {
    if let Some(value) = value {
        *place = Some(value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::read_event;

    fn view(events: &[&str]) -> TaskView {
        let mut view = TaskView::default();
        for event in events {
            view.apply(&read_event(event).unwrap()).unwrap();
        }
        view
    }

    #[test]
    fn pieces_are_added_and_replaced() {
        let view = view(&[
            r#"{"task":{"id":"t","contextId":"c","status":{"state":"TASK_STATE_SUBMITTED"}}}"#,
            r#"{"artifactUpdate":{"taskId":"t","artifact":{"artifactId":"a","name":"n","parts":[{"text":"1"}]}}}"#,
            r#"{"artifactUpdate":{"taskId":"t","artifact":{"artifactId":"a","parts":[{"text":"2"}]},"append":true}}"#,
            r#"{"artifactUpdate":{"artifact":{"artifactId":"b","parts":[{"text":"x"}]}}}"#,
            r#"{"artifactUpdate":{"artifact":{"artifactId":"b","parts":[{"text":"y"}]}}}"#,
            r#"{"artifactUpdate":{"artifact":{"parts":[{"text":"no id"}]}}}"#,
            r#"{"artifactUpdate":{"artifact":{"parts":[{"text":"nor this"}]}}}"#,
            r#"{"statusUpdate":{"taskId":"foreign","status":{"state":"TASK_STATE_COMPLETED"}}}"#,
        ]);
        let texts: Vec<_> = view.artifacts.iter().map(Artifact::text).collect();
        assert_eq!(texts, ["1\n2", "y", "no id", "nor this"]);
        assert_eq!((view.task_id.as_deref(), view.context_id.as_deref()), (Some("t"), Some("c")));
        assert!(view.is_done() && view.artifacts[0].name.as_deref() == Some("n"));
    }

    #[test]
    fn a_message_is_done_and_too_much_is_refused() {
        assert!(view(&[r#"{"message":{"role":"agent","parts":[{"text":"hi"}]}}"#]).is_done());
        let mut view = TaskView { bytes: limits::ARTIFACT_BYTES, ..TaskView::default() };
        let event = r#"{"artifactUpdate":{"artifact":{"parts":[{"text":"one more"}]}}}"#;
        assert!(view.apply(&read_event(event).unwrap()).is_err());
    }
}
