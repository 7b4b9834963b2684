//! The list of messages with an index, so that a delta finds its message without a search.

use crate::event::MessagesSnapshot;
use crate::message::*;
use std::collections::{HashMap, HashSet};

#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    all: Vec<Message>,
    /// Where the first message with an id stands.
    at: HashMap<String, usize>,
    /// Where the message that holds a tool call stands, and the call's place in it.
    calls: HashMap<String, (usize, usize)>,
}

impl Messages {
    pub(super) fn new(all: Vec<Message>) -> Self {
        let mut messages = Self { all, ..Self::default() };
        messages.index();
        messages
    }

    pub(super) fn all(&self) -> &[Message] {
        &self.all
    }

    pub(super) fn into_all(self) -> Vec<Message> {
        self.all
    }

    pub(super) fn get(&self, id: &str) -> Option<&Message> {
        self.all.get(*self.at.get(id)?)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Message> {
        self.all.get_mut(*self.at.get(id)?)
    }

    pub(super) fn push(&mut self, message: Message) {
        let at = self.all.len();
        self.note(at, &message);
        self.all.push(message);
    }

    /// Puts a message in the place of the one with its id.
    pub(super) fn replace(&mut self, message: Message) {
        if let Some(place) = self.get_mut(message.id()) {
            *place = message;
            self.index();
        }
    }

    pub(super) fn call_mut(&mut self, id: &str) -> Option<&mut ToolCall> {
        let (message, place) = *self.calls.get(id)?;
        match self.all.get_mut(message)? {
            Message::Assistant(message) => message.tool_calls.as_mut()?.get_mut(place),
            _ => None,
        }
    }

    /// Adds a call to the assistant message `parent`. Where there is none, one is made: under that id if nobody has it,
    /// else under the call's own.
    pub(super) fn add_call(&mut self, parent: Option<&str>, subagent_run_id: Option<&str>, call: ToolCall) {
        let found = parent.and_then(|id| self.at.get(id).copied());
        let at = match found {
            Some(at) if matches!(self.all.get(at), Some(Message::Assistant(_))) => at,
            _ => {
                let id = parent.filter(|_| found.is_none()).unwrap_or(&call.id).to_owned();
                // A message under an id that is taken already is nobody's.
                let subagent_run_id = subagent_run_id.filter(|_| !self.at.contains_key(&id)).map(str::to_owned);
                self.push(AssistantMessage { id, subagent_run_id, ..Default::default() }.into());
                self.all.len() - 1
            }
        };
        if let Some(Message::Assistant(message)) = self.all.get_mut(at) {
            let calls = message.tool_calls.get_or_insert_default();
            self.calls.insert(call.id.clone(), (at, calls.len()));
            calls.push(call);
        }
    }

    /// Right behind the message that made the call and the results that stand there already; else at the end.
    pub(super) fn insert_result(&mut self, message: ToolMessage) {
        let owner = self.calls.get(&message.tool_call_id).map(|(owner, _)| *owner);
        let Some(owner) = owner else { return self.push(message.into()) };
        let behind = self.all.iter().skip(owner + 1).take_while(|other| matches!(other, Message::Tool(_))).count();
        let at = owner + 1 + behind;
        self.all.insert(at, message.into());
        // Only what stands behind has moved. Backwards, so that of two with one id the first is found.
        let all = std::mem::take(&mut self.all);
        for (place, message) in all.iter().enumerate().skip(at).rev() {
            for call in message.tool_calls() {
                if let Some((holder, _)) = self.calls.get_mut(&call.id).filter(|(holder, _)| holder + 1 == place) {
                    *holder = place;
                }
            }
            match self.at.get_mut(message.id()) {
                Some(first) if *first >= at => *first = place,
                Some(_) => {}
                None => {
                    self.at.insert(message.id().to_owned(), place);
                }
            }
        }
        self.all = all;
    }

    /// Makes the list what the snapshot says, keeping what a snapshot without such messages does not speak of.
    pub(super) fn reconcile(&mut self, snapshot: &MessagesSnapshot) {
        let mut new: HashMap<&str, &Message> = HashMap::new();
        for message in &snapshot.messages {
            new.insert(message.id(), message);
        }
        let has_reasoning = snapshot.messages.iter().any(|message| matches!(message, Message::Reasoning(_)));
        let activities = Activities::of(snapshot);
        let kept = std::mem::take(&mut self.all).into_iter().filter_map(|message| match new.get(message.id()) {
            Some(replacement) => Some((*replacement).clone()),
            None => match &message {
                Message::Activity(activity) => !activities.owns(&activity.activity_type),
                Message::Reasoning(_) => !has_reasoning,
                _ => false,
            }
            .then_some(message),
        });
        self.all = kept.collect();
        // Two messages with one id stay two, as in the clients: the snapshot says so.
        let known: HashSet<&str> = self.all.iter().map(Message::id).collect();
        let added: Vec<Message> =
            snapshot.messages.iter().filter(|message| !known.contains(message.id())).cloned().collect();
        drop(known);
        self.all.extend(added);
        self.index();
    }

    fn index(&mut self) {
        self.at.clear();
        self.calls.clear();
        let all = std::mem::take(&mut self.all);
        for (at, message) in all.iter().enumerate() {
            self.note(at, message);
        }
        self.all = all;
    }

    fn note(&mut self, at: usize, message: &Message) {
        self.at.entry(message.id().to_owned()).or_insert(at);
        for (place, call) in message.tool_calls().iter().enumerate() {
            self.calls.entry(call.id.clone()).or_insert((at, place));
        }
    }
}

/// The activities that a snapshot has the say over.
enum Activities {
    All,
    None,
    Types(Vec<String>),
}

impl Activities {
    fn of(snapshot: &MessagesSnapshot) -> Self {
        let member = snapshot.metadata.as_ref().and_then(|metadata| {
            let client = metadata.members().into_iter().find(|(key, _)| key == "@ag-ui/client")?.1;
            client.to_value().get("authoritativeActivityTypes").cloned()
        });
        match member {
            None if snapshot.messages.iter().any(|message| matches!(message, Message::Activity(_))) => Self::All,
            None => Self::None,
            Some(serde_json::Value::Null) => Self::All,
            Some(types) => serde_json::from_value(types).map_or(Self::None, Self::Types),
        }
    }

    fn owns(&self, activity_type: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Types(types) => types.iter().any(|owned| owned == activity_type),
        }
    }
}
