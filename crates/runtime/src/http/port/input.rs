//! What the port's clients send, as a `RunAgentInput`.

mod actions;

use actions::{Action, tool};
use copilotkit_protocol::{
    AssistantMessage, Content, ContentPart, Context, DataSource, DeveloperMessage, FunctionCall, ImagePart, Json,
    Message, PROTOCOL_VERSION, PartSource, ResumeEntry, RunAgentInput, SystemMessage, ToolCall, ToolMessage,
    UserMessage, Wire,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A request. Members that say nothing to an agent (`stream`, `status` and times of messages) are let go.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chat {
    messages: Vec<Json>,
    #[serde(default, alias = "thread_id")]
    thread_id: Option<String>,
    #[serde(default, alias = "run_id")]
    run_id: Option<String>,
    #[serde(default)]
    actions: Option<Vec<Action>>,
    #[serde(default)]
    context: Option<Value>,
    #[serde(default)]
    properties: Option<Map<String, Value>>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    extensions: Option<Json>,
    #[serde(default, alias = "agent_session")]
    agent_session: Option<AgentSession>,
    #[serde(default, alias = "forwarded_parameters")]
    forwarded_parameters: Option<Map<String, Value>>,
    /// Answers to interrupts, as AG-UI has them: the port had none.
    #[serde(default)]
    resume: Option<Vec<Json>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgentSession {
    #[serde(alias = "agent_name")]
    agent_name: String,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type", default)]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Text {
    id: Option<String>,
    role: String,
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionExecution {
    id: Option<String>,
    name: String,
    #[serde(default)]
    arguments: Option<Json>,
    #[serde(alias = "parent_message_id")]
    parent_message_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionResult {
    id: Option<String>,
    #[serde(alias = "action_execution_id")]
    action_execution_id: String,
    #[serde(default)]
    result: Option<Json>,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    code: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgentState {
    #[serde(default, alias = "agent_name")]
    agent_name: Option<String>,
    #[serde(default)]
    state: Option<Json>,
}

#[derive(Deserialize)]
struct Image {
    id: Option<String>,
    format: String,
    bytes: String,
}

impl Chat {
    /// Reads a request; an error says which member is wrong.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }

    /// The agent that is asked for.
    pub(super) fn agent_id(&self) -> Option<&str> {
        self.agent_session.as_ref().map(|session| session.agent_name.as_str()).filter(|name| !name.is_empty())
    }

    pub(super) fn thread_id(&self) -> Option<&str> {
        self.thread_id.as_deref()
    }

    pub(super) fn run_id(&self) -> Option<&str> {
        self.run_id.as_deref()
    }

    /// What comes back in the answer as it is.
    pub(super) fn extensions(&self) -> Option<&Json> {
        self.extensions.as_ref().filter(|extensions| !extensions.is_null())
    }

    /// The input of the run; an error says which member is wrong.
    pub(super) fn into_input(self, agent_id: &str) -> Result<RunAgentInput, String> {
        let mut messages = Vec::with_capacity(self.messages.len());
        let mut states = Vec::new();
        for (index, message) in self.messages.iter().enumerate() {
            add(message, &mut messages, &mut states).map_err(|error| format!("messages[{index}]: {error}"))?;
        }
        // What a page shows of other agents is not this one's state.
        let own = states.iter().rposition(|state| state.agent_name.as_deref() == Some(agent_id));
        let state = match own.or(states.len().checked_sub(1)) {
            Some(index) => states.swap_remove(index).state,
            None => None,
        };
        let mut tools = Vec::new();
        for (index, action) in self.actions.unwrap_or_default().into_iter().enumerate() {
            tools.extend(tool(action).map_err(|error| format!("actions[{index}]: {error}"))?);
        }
        let mut resume = Vec::new();
        for (index, entry) in self.resume.iter().flatten().enumerate() {
            let entry: ResumeEntry =
                copilotkit_protocol::from_str(entry.get()).map_err(|error| format!("resume[{index}]: {error}"))?;
            resume.push(entry);
        }
        let mut input = RunAgentInput {
            thread_id: self.thread_id.filter(|id| !id.is_empty()).unwrap_or_else(new_id),
            run_id: self.run_id.filter(|id| !id.is_empty()).unwrap_or_else(new_id),
            protocol_version: Some(PROTOCOL_VERSION.to_owned()),
            state,
            messages,
            tools,
            context: context(self.context),
            forwarded_props: forwarded(self.properties, self.model, self.forwarded_parameters),
            resume: Some(resume).filter(|resume| !resume.is_empty()),
            ..Default::default()
        };
        input.tidy();
        Ok(input)
    }
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// Adds one message of the port to those of AG-UI.
fn add(json: &Json, messages: &mut Vec<Message>, states: &mut Vec<AgentState>) -> Result<(), String> {
    let kind: Kind = read(json)?;
    match kind.kind.as_deref() {
        // Without a type it can only be a text: it has a role.
        Some("text") | None => messages.push(text(read(json)?)?),
        Some("action_execution") => execution(read(json)?, messages),
        Some("result") => messages.push(result(read(json)?)),
        Some("agent_state") => states.push(read(json)?),
        Some("image") => messages.push(image(read(json)?)),
        Some(other) => {
            let known = "text, action_execution, result, agent_state, image";
            return Err(format!("type: there is no `{other}`, expected one of {known}"));
        }
    }
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(json: &Json) -> Result<T, String> {
    json.read().map_err(|error| error.to_string())
}

fn text(text: Text) -> Result<Message, String> {
    let (id, content) = (text.id.unwrap_or_else(new_id), text.content);
    Ok(match text.role.as_str() {
        "user" => UserMessage { id, content: content.into(), ..Default::default() }.into(),
        "assistant" => AssistantMessage { id, content: Some(content), ..Default::default() }.into(),
        "system" => SystemMessage { id, content, ..Default::default() }.into(),
        "developer" => DeveloperMessage { id, content, ..Default::default() }.into(),
        other => {
            return Err(format!("role: there is no `{other}`, expected one of user, assistant, system, developer"));
        }
    })
}

/// A call is part of the assistant's message that it names, or of one of its own.
fn execution(action: ActionExecution, messages: &mut Vec<Message>) {
    let id = action.id.unwrap_or_else(new_id);
    let arguments = match action.arguments {
        None => "{}".to_owned(),
        // Some clients send them as they came from the model.
        Some(json) => json.read::<String>().unwrap_or_else(|_| json.get().to_owned()),
    };
    let function = FunctionCall { name: action.name, arguments, ..Default::default() };
    let call = ToolCall { id: id.clone(), function, ..Default::default() };
    let parent = action.parent_message_id.filter(|parent| !parent.is_empty());
    let named = messages.iter_mut().rev().find_map(|message| match message {
        Message::Assistant(message) if Some(&message.id) == parent.as_ref() => Some(message),
        _ => None,
    });
    match named {
        Some(message) => message.tool_calls.get_or_insert_default().push(call),
        None => {
            let taken = |id: &String| messages.iter().any(|message| message.id() == id);
            let id = parent.filter(|parent| !taken(parent)).unwrap_or(id);
            messages.push(AssistantMessage { id, tool_calls: Some(vec![call]), ..Default::default() }.into());
        }
    }
}

fn result(result: ActionResult) -> Message {
    let text = match result.result {
        None => String::new(),
        Some(json) if json.is_null() => String::new(),
        Some(json) => json.read::<String>().unwrap_or_else(|_| json.get().to_owned()),
    };
    let failed = result.status.filter(|status| status.code.as_deref() == Some("error"));
    ToolMessage {
        id: result.id.unwrap_or_else(new_id),
        content: Content::Text(text),
        tool_call_id: result.action_execution_id,
        error: failed.map(|status| status.reason.unwrap_or_else(|| "The action failed.".to_owned())),
        ..Default::default()
    }
    .into()
}

/// AG-UI has pictures in messages of users alone.
fn image(image: Image) -> Message {
    let mime_type = if image.format.contains('/') { image.format } else { format!("image/{}", image.format) };
    let source = PartSource::Data(DataSource { value: image.bytes, mime_type, ..Default::default() });
    let part = ContentPart::Image(ImagePart { source, ..Default::default() });
    let id = image.id.unwrap_or_else(new_id);
    UserMessage { id, content: Content::Parts(vec![part]), ..Default::default() }.into()
}

/// `context` was a text in the client and an object in the server.
fn context(context: Option<Value>) -> Vec<Context> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let entry = |description: String, value| Context { description, value: text(value), ..Default::default() };
    match context {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(members)) => members.into_iter().map(|(name, value)| entry(name, value)).collect(),
        Some(other) => vec![entry("context".to_owned(), other)],
    }
}

/// Which names of AG-UI's `forwardedProps` the port's parameters have. An agent takes those that its configuration lets
/// a page override.
const PARAMETERS: &[(&[&str], &str)] = &[
    (&["temperature"], "temperature"),
    (&["maxTokens", "max_tokens"], "maxOutputTokens"),
    (&["topP", "top_p"], "topP"),
    (&["stop"], "stopSequences"),
    (&["model"], "model"),
];

fn forwarded(
    properties: Option<Map<String, Value>>,
    model: Option<String>,
    parameters: Option<Map<String, Value>>,
) -> Option<Json> {
    let mut props = properties.unwrap_or_default();
    let mut parameters = parameters.unwrap_or_default();
    let mut take = |names: &[&str]| names.iter().find_map(|name| parameters.remove(*name)).filter(|it| !it.is_null());
    for (names, ours) in PARAMETERS {
        if let Some(value) = take(names) {
            props.insert((*ours).to_owned(), value);
        }
    }
    let function = take(&["toolChoiceFunctionName", "tool_choice_function_name"]);
    match (take(&["toolChoice", "tool_choice"]), function) {
        (Some(Value::String(choice)), Some(name)) if choice == "function" => {
            props.insert("toolChoice".to_owned(), json!({ "type": "function", "function": { "name": name } }));
        }
        (Some(choice), _) => {
            props.insert("toolChoice".to_owned(), choice);
        }
        (None, _) => {}
    }
    if let Some(model) = model.filter(|model| !model.is_empty()) {
        props.insert("model".to_owned(), model.into());
    }
    (!props.is_empty()).then(|| Json::from(Value::Object(props)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(body: Value) -> Result<RunAgentInput, String> {
        Chat::read(body.to_string().as_bytes())?.into_input("default")
    }

    #[test]
    fn every_type_of_message_has_its_place() {
        let input = input(json!({
            "threadId": "t", "runId": "r",
            "messages": [
                { "id": "s", "type": "text", "role": "system", "content": "Be brief.", "createdAt": "2026-01-01T00:00:00" },
                { "id": "u", "type": "text", "role": "user", "content": "Weather?" },
                { "id": "a", "type": "text", "role": "assistant", "content": "I look." },
                { "id": "c1", "type": "action_execution", "name": "weather", "arguments": { "city": "Ulm" }, "parentMessageId": "a" },
                { "id": "c2", "type": "action_execution", "name": "weather", "arguments": { "city": "Bonn" } },
                { "id": "r1", "type": "result", "actionExecutionId": "c1", "actionName": "weather", "result": "rain" },
                { "id": "r2", "type": "result", "actionExecutionId": "c2", "actionName": "weather", "result": { "sky": "clear" },
                  "status": { "code": "error", "reason": "late" } },
                { "id": "st", "type": "agent_state", "agentName": "default", "state": { "n": 1 }, "running": false,
                  "threadId": "t", "active": false },
                { "id": "i", "type": "image", "format": "png", "bytes": "aGk=", "role": "user" },
            ],
        }));
        let input = input.unwrap();
        let expected = json!({
            "threadId": "t", "runId": "r", "protocolVersion": PROTOCOL_VERSION, "state": { "n": 1 },
            "messages": [
                { "id": "s", "role": "system", "content": "Be brief." },
                { "id": "u", "role": "user", "content": "Weather?" },
                { "id": "a", "role": "assistant", "content": "I look.", "toolCalls": [
                    { "id": "c1", "type": "function", "function": { "name": "weather", "arguments": "{\"city\":\"Ulm\"}" } },
                ] },
                { "id": "c2", "role": "assistant", "toolCalls": [
                    { "id": "c2", "type": "function", "function": { "name": "weather", "arguments": "{\"city\":\"Bonn\"}" } },
                ] },
                { "id": "r1", "role": "tool", "toolCallId": "c1", "content": "rain" },
                { "id": "r2", "role": "tool", "toolCallId": "c2", "content": "{\"sky\":\"clear\"}", "error": "late" },
                { "id": "i", "role": "user", "content": [
                    { "type": "image", "source": { "type": "data", "value": "aGk=", "mimeType": "image/png" } },
                ] },
            ],
            "tools": [], "context": [],
        });
        let written: Value = serde_json::from_slice(&copilotkit_protocol::to_vec(&input)).unwrap();
        assert_eq!(written, expected);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, expected) in [
            (json!({ "messages": [{ "type": "video" }] }), "messages[0]: type: there is no `video`"),
            (json!({ "messages": [{ "role": "robot", "content": "x" }] }), "messages[0]: role: there is no `robot`"),
            (json!({ "messages": [{ "role": "user" }] }), "messages[0]: "),
            (json!({ "messages": [], "threadId": 1 }), "threadId"),
            (json!({ "messages": [], "resume": [{}] }), "resume[0]"),
        ] {
            let error = input(body.clone()).expect_err(&body.to_string());
            assert!(error.contains(expected) || expected == "threadId" && error.contains("invalid type"), "{error}");
        }
    }

    #[test]
    fn parameters_get_the_names_of_ag_ui() {
        let input = input(json!({
            "messages": [], "model": "gpt-4", "context": { "page": "orders", "n": 2 },
            "forwardedParameters": { "temperature": 0.1, "max_tokens": 9, "stop": ["."], "toolChoice": "function",
                                     "toolChoiceFunctionName": "weather" },
        }));
        let input = input.unwrap();
        let props = json!({
            "temperature": 0.1, "maxOutputTokens": 9, "stopSequences": ["."], "model": "gpt-4",
            "toolChoice": { "type": "function", "function": { "name": "weather" } },
        });
        assert_eq!(input.forwarded_props.unwrap().to_value(), props);
        let context: Vec<_> = input.context.iter().map(|one| (one.description.as_str(), one.value.as_str())).collect();
        assert_eq!(context, [("n", "2"), ("page", "orders")]);
        assert!(!input.thread_id.is_empty() && !input.run_id.is_empty(), "ids are made up");
    }
}
