//! Questions of a server to the person who uses it.

use crate::limits;
use async_trait::async_trait;
use copilotkit_protocol::Json;
use rmcp::model::{ElicitRequestParams, ElicitResult, ElicitationAction, InputRequest};
use serde_json::{Map, Value};
use std::sync::Arc;
use url::{Host, Url};

/// Whoever answers questions of servers during one call.
#[async_trait]
pub trait Elicit: Send + Sync + 'static {
    /// Asks the person. The call waits, at most [`limits::QUESTION`].
    async fn ask(&self, question: Question) -> Answer;
}

/// A question of a server.
#[derive(Clone, Debug)]
pub struct Question {
    /// The server.
    pub server: Arc<str>,
    /// What it says.
    pub message: String,
    /// What it wants.
    pub form: Form,
}

/// What a question wants.
#[derive(Clone, Debug)]
pub enum Form {
    /// An object that this JSON Schema accepts.
    Fields(Json),
    /// That the person opens this address, which is https or on this machine.
    Link(Url),
}

/// What the person made of a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Answered, with the object that was asked for, if one was.
    Accept(Option<Value>),
    /// Refused.
    Decline,
    /// Neither.
    Cancel,
}

/// Asks, and brings the answer into the form that the server asked for.
pub(crate) async fn ask(elicit: &dyn Elicit, server: &Arc<str>, request: ElicitRequestParams) -> ElicitResult {
    let (message, form) = match request {
        ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } => {
            (message, Form::Fields(Json::of(&requested_schema)))
        }
        ElicitRequestParams::UrlElicitationParams { message, url, .. } => match link(&url) {
            Some(url) => (message, Form::Link(url)),
            None => {
                tracing::warn!(server = &**server, "a server asked to open an address that is not https");
                return ElicitResult::new(ElicitationAction::Decline);
            }
        },
        _ => return ElicitResult::new(ElicitationAction::Decline),
    };
    let schema = match &form {
        Form::Fields(schema) => Some(schema.to_value()),
        Form::Link(_) => None,
    };
    let question = Question { server: Arc::clone(server), message, form };
    let answer = tokio::time::timeout(limits::QUESTION, elicit.ask(question)).await.unwrap_or(Answer::Cancel);
    match (answer, schema) {
        (Answer::Decline, _) => ElicitResult::new(ElicitationAction::Decline),
        (Answer::Cancel, _) => ElicitResult::new(ElicitationAction::Cancel),
        (Answer::Accept(_), None) => ElicitResult::new(ElicitationAction::Accept),
        (Answer::Accept(content), Some(schema)) => match complete(content, &schema) {
            Some(content) => ElicitResult::new(ElicitationAction::Accept).with_content(content),
            None => {
                tracing::info!(server = &**server, "an answer that does not fit the question was not sent");
                ElicitResult::new(ElicitationAction::Cancel)
            }
        },
    }
}

/// The answers to the questions that a result holds, by their keys. `None` when one is of a kind that is not answered.
pub(crate) async fn ask_all(
    elicit: Option<&dyn Elicit>,
    server: &Arc<str>,
    questions: std::collections::BTreeMap<String, InputRequest>,
) -> Option<std::collections::BTreeMap<String, Value>> {
    let mut answers = std::collections::BTreeMap::new();
    for (key, question) in questions {
        let InputRequest::Elicitation(request) = question else { return None };
        let answer = match elicit {
            Some(elicit) => ask(elicit, server, request.params).await,
            None => ElicitResult::new(ElicitationAction::Decline),
        };
        answers.insert(key, serde_json::to_value(answer).ok()?);
    }
    Some(answers)
}

fn link(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let here = match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    (url.scheme() == "https" || (url.scheme() == "http" && here)).then_some(url)
}

/// The content with the defaults of the schema where it is silent, if the schema accepts it.
fn complete(content: Option<Value>, schema: &Value) -> Option<Value> {
    let mut object = match content {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(object)) => object,
        Some(_) => return None,
    };
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if let Some(default) = property.get("default").filter(|default| !default.is_null()) {
            object.entry(name.clone()).or_insert_with(|| default.clone());
        }
    }
    let object = Value::Object(object);
    // A schema that is none accepts everything: the server checks as well.
    let fits = jsonschema::validator_for(schema).is_ok_and(|validator| !validator.is_valid(&object));
    (!fits).then_some(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_stand_in_and_what_does_not_fit_is_not_sent() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "default": "Ada" },
                "age": { "type": "integer", "default": 30 },
                "mail": { "type": "string" }
            },
            "required": ["name"]
        });
        assert_eq!(complete(None, &schema), Some(json!({ "name": "Ada", "age": 30 })));
        assert_eq!(complete(Some(json!({ "age": 1 })), &schema), Some(json!({ "name": "Ada", "age": 1 })));
        assert_eq!(complete(Some(json!({ "age": "x" })), &schema), None);
        assert_eq!(complete(Some(json!([])), &schema), None);
        let required = json!({ "type": "object", "properties": {}, "required": ["x"] });
        assert_eq!(complete(None, &required), None);
    }

    #[test]
    fn only_safe_links_are_shown() {
        for good in ["https://a.example/x", "http://localhost:3000/", "http://127.0.0.1/", "http://[::1]/"] {
            assert!(link(good).is_some(), "{good}");
        }
        for bad in ["http://a.example/", "javascript:alert(1)", "file:///etc/passwd", "nothing"] {
            assert!(link(bad).is_none(), "{bad}");
        }
    }
}
