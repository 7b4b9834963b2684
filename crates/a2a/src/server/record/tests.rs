use super::super::id::Nonce;
use super::*;
use copilotkit_protocol::Emitted;
use serde_json::{Value, json};

/// The log of a thread, frame by frame.
struct Log {
    record: Record,
    seq: u64,
    run: u64,
    news: Vec<News>,
}

impl Log {
    fn new() -> Self {
        let id = TaskId { nonce: Nonce::new(), first_seq: 10, thread_id: "t".to_owned() };
        Self { record: Record::new("agent", id), seq: 10, run: 3, news: Vec::new() }
    }

    /// Frames of the run that goes on, all at once.
    fn take(&mut self, events: impl IntoIterator<Item = Value>) -> bool {
        let frames: Vec<Frame> = events
            .into_iter()
            .zip(self.seq..)
            .map(|(event, seq)| {
                self.seq = seq + 1;
                Frame::new(seq, self.run, Emitted::from_json(event.to_string().into()).unwrap())
            })
            .collect();
        self.record.take(&frames, &mut self.news)
    }

    fn started(&self, run_id: &str, input: Value) -> Value {
        let mut whole = json!({ "threadId": "t", "runId": run_id, "messages": [] });
        whole.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
        json!({ "type": "RUN_STARTED", "threadId": "t", "runId": run_id, "input": whole })
    }

    /// The task's own run begins.
    fn begin(&mut self) {
        let run_id = self.record.run_id().to_owned();
        let user = json!({ "id": "u", "role": "user", "content": "go" });
        let started = self.started(&run_id, json!({ "messages": [user] }));
        assert!(self.take([started]));
    }

    fn next_run(&mut self, run_id: &str, input: Value) -> bool {
        self.run += 1;
        let started = self.started(run_id, input);
        self.take([started])
    }

    fn texts(&self) -> Vec<String> {
        self.record.task(None).artifacts.iter().map(crate::types::Artifact::text).collect()
    }

    /// States and texts, in order.
    fn news(&mut self) -> Vec<String> {
        let short = |news: News| match news {
            News::Status(update) => update.status.state.as_str().to_owned(),
            News::Artifact(update) => {
                let sign = if update.append { "+" } else { "" };
                format!("{sign}{}{}", update.artifact.text(), if update.last_chunk { "." } else { "" })
            }
            other => panic!("{other:?}"),
        };
        std::mem::take(&mut self.news).into_iter().map(short).collect()
    }
}

fn finished(outcome: Value) -> Value {
    json!({ "type": "RUN_FINISHED", "threadId": "t", "runId": "r", "outcome": outcome })
}

fn success() -> Value {
    finished(json!({ "type": "success" }))
}

fn asks(id: &str) -> Value {
    finished(json!({ "type": "interrupt", "interrupts": [{ "id": id, "reason": "r", "message": "Who?" }] }))
}

fn start(id: &str, role: &str) -> Value {
    json!({ "type": "TEXT_MESSAGE_START", "messageId": id, "role": role })
}

fn delta(id: &str, delta: &str) -> Value {
    json!({ "type": "TEXT_MESSAGE_CONTENT", "messageId": id, "delta": delta })
}

fn end(id: &str) -> Value {
    json!({ "type": "TEXT_MESSAGE_END", "messageId": id })
}

#[test]
fn what_comes_at_once_is_told_at_once() {
    let mut log = Log::new();
    log.begin();
    assert_eq!(log.news(), ["working"]);
    log.take([start("a", "assistant"), delta("a", "one "), delta("a", "two ")]);
    assert_eq!(log.news(), ["one two "]);
    log.take([delta("a", "three"), end("a")]);
    assert_eq!(log.news(), ["+three."]);
    log.take([start("b", "assistant"), end("b"), start("c", "user"), delta("c", "mine"), end("c"), success()]);
    assert_eq!(log.news(), ["completed"], "what is empty or of somebody else is nothing");
    assert_eq!(log.texts(), ["one two three"]);
    assert!(log.record.state.is_terminal() && log.record.next_seq() == log.seq);
}

#[test]
fn pieces_of_two_messages_are_kept_apart() {
    let mut log = Log::new();
    log.begin();
    log.news.clear();
    let messages =
        [start("a", "assistant"), delta("a", "1"), start("b", "assistant"), delta("b", "x"), delta("a", "2")];
    log.take(messages);
    assert_eq!(log.news(), ["1", "x", "+2"]);
    assert_eq!(log.texts(), ["12", "x"]);
}

#[test]
fn a_snapshot_tells_what_was_not_streamed() {
    let mut log = Log::new();
    log.begin();
    log.take([start("a", "assistant"), delta("a", "streamed"), end("a")]);
    log.news.clear();
    let call = json!({ "id": "k", "type": "function", "function": { "name": "pick", "arguments": "{}" } });
    let snapshot = json!({ "type": "MESSAGES_SNAPSHOT", "messages": [
        { "id": "old", "role": "assistant", "content": "of an earlier task" },
        { "id": "u", "role": "user", "content": "go" },
        { "id": "a", "role": "assistant", "content": "streamed" },
        { "id": "b", "role": "assistant", "content": "whole", "toolCalls": [call] },
    ] });
    log.take([snapshot, success()]);
    assert_eq!(log.news(), ["whole.", "input-required"], "the call has no result");
    assert_eq!(log.texts(), ["streamed", "whole"]);
    assert_eq!(log.record.waiting.calls[0].name, "pick");
}

#[test]
fn a_run_of_a_page_goes_on_with_a_task_that_waits() {
    let mut log = Log::new();
    log.begin();
    log.take([asks("i")]);
    let entry = json!({ "interruptId": "i", "status": "resolved", "payload": "Ada" });
    assert!(log.next_run("page", json!({ "resume": [entry] })));
    log.take([start("a", "assistant"), delta("a", "Hello"), end("a"), success()]);
    assert_eq!(log.news(), ["working", "input-required", "working", "Hello.", "completed"]);
    let task = log.record.task(None);
    let said: Vec<String> = task.history.iter().map(crate::types::Message::text).collect();
    assert_eq!(said, ["go", "Who?", "Ada"]);
    assert!(log.next_run("another", json!({})) && log.record.is_closed(), "what follows its end is not of it");
    assert_eq!(log.record.state, TaskState::Completed);
}

#[test]
fn another_task_leaves_a_question_behind() {
    let mut log = Log::new();
    log.begin();
    log.take([asks("i")]);
    log.news.clear();
    let other = id::run_id("other", &Nonce::new(), 1);
    assert!(log.next_run(&other, json!({})) && log.record.is_closed());
    assert_eq!(log.news(), ["canceled"]);
    assert!(log.record.waiting.is_empty());
}

#[test]
fn frames_of_somebody_else_are_no_task() {
    let mut log = Log::new();
    assert!(!log.next_run("page", json!({})));
    let mut log = Log::new();
    log.seq += 1;
    let run_id = log.record.run_id().to_owned();
    assert!(!log.next_run(&run_id, json!({})), "the id says another place");
    let mut log = Log::new();
    assert!(!log.take([start("a", "assistant")]));
}

#[test]
fn a_history_is_cut_at_its_beginning() {
    let mut log = Log::new();
    log.begin();
    log.take([asks("i")]);
    log.next_run("page", json!({ "resume": [{ "interruptId": "i", "status": "cancelled" }] }));
    log.take([success()]);
    let count = |length| log.record.task(length).history.len();
    assert_eq!([count(None), count(Some(0)), count(Some(1)), count(Some(9))], [3, 0, 1, 3]);
    assert_eq!(log.record.task(Some(1)).history[0].message_id, "i");
}
