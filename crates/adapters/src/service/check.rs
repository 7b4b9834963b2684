//! Whether a model that was configured answers.

use super::{ServiceModel, ServiceOptions, Unsigned};
use crate::outbound;
use crate::spec::Api;
use copilotkit_runtime::client::{self, ClientOptions};
use copilotkit_runtime::model::{Model as _, ModelError, ModelErrorKind, ModelEvent, ModelMessage, ModelRequest};
use futures::StreamExt as _;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The most tokens of the question that is asked where there is no other way. Some services take no fewer.
const TOKENS: u64 = 16;

/// What came of a check.
#[derive(Debug)]
#[non_exhaustive]
pub enum Check {
    /// It answered.
    Ok {
        /// How long that took.
        took: Duration,
        /// True where the model itself was asked, which costs a few tokens; false where the service has told that it
        /// knows it.
        asked: bool,
    },
    /// There is no key, so that nothing was sent.
    MissingKey {
        /// The environment variable that it is looked for in.
        variable: String,
    },
    /// It did not.
    Failed(ModelError),
}

/// Asks the service for the model by its name, which costs nothing; where a service does not answer that, the model gets
/// the shortest of questions. It takes no longer than `deadline`.
pub async fn check(model: &ServiceModel, deadline: Duration) -> Check {
    if let Some(variable) = model.missing_key() {
        return Check::MissingKey { variable: variable.to_owned() };
    }
    let started = Instant::now();
    let run = async {
        if let Some(known) = lookup(model).await {
            return known.map(|()| false);
        }
        ask(model).await.map(|()| true)
    };
    match timeout(deadline, run).await {
        Ok(Ok(asked)) => Check::Ok { took: started.elapsed(), asked },
        Ok(Err(error)) => Check::Failed(error),
        Err(_) => {
            let message = format!("{} did not answer within {deadline:?}", model.inner.address());
            Check::Failed(ModelError::new(ModelErrorKind::Timeout, message))
        }
    }
}

/// `None` where the service gave no clear answer.
async fn lookup(model: &ServiceModel) -> Option<Result<(), ModelError>> {
    let inner = &model.inner;
    let options = &inner.options;
    let mut url = place(options)?;
    let mut headers = inner.headers.clone();
    headers.remove("content-type");
    headers.insert("accept", reqwest::header::HeaderValue::from_static("application/json"));
    if let Some(authorize) = &options.authorize {
        let unsigned = Unsigned { method: "GET", url: &url, body: b"" };
        match authorize.authorize(unsigned).await {
            Ok(added) => headers.extend(added),
            Err(error) => return Some(Err(error)),
        }
    }
    let _ = url.set_username("");
    let client = ClientOptions { connect_timeout: options.connect_timeout, ..ClientOptions::default() };
    let response = client::build(&client).ok()?.get(url).headers(headers).send().await.ok()?;
    match response.status().as_u16() {
        200..=299 => {
            let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
            kind.contains("json").then_some(Ok(()))
        }
        status @ (401 | 403) => {
            let message = format!("{} answered with status {status} ({})", inner.address(), model.key_advice());
            Some(Err(ModelError::new(ModelErrorKind::Auth, message)))
        }
        _ => None,
    }
}

/// Where a service tells about one model.
fn place(options: &ServiceOptions) -> Option<reqwest::Url> {
    if options.profile.quirks.vertex {
        return None;
    }
    let base = options.base_url.as_deref().unwrap_or(&options.profile.base_url);
    match options.api {
        Api::Converse => None,
        _ => outbound::endpoint(base, &format!("/models/{}", options.model)).ok(),
    }
}

async fn ask(model: &ServiceModel) -> Result<(), ModelError> {
    let mut request =
        ModelRequest { messages: vec![ModelMessage::User { content: "Say ok.".into() }], ..ModelRequest::default() };
    request.settings.max_output_tokens = Some(TOKENS);
    request.settings.max_retries = Some(0);
    let mut stream = model.stream(request);
    while let Some(event) = stream.next().await {
        match event? {
            // The first sign is enough.
            ModelEvent::Finish { .. } | ModelEvent::TextDelta(_) | ModelEvent::ReasoningDelta(_) => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}
