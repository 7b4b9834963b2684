//! A tool that is an HTTP endpoint: the arguments go there as JSON, what it answers is the result.

use crate::client::{self, ClientError, ClientOptions, Trust};
use crate::headers::HeaderPolicy;
use crate::limits;
use crate::model::ToolSpec;
use crate::telemetry::{Call, names};
use crate::tool::{Tool, ToolError, ToolInvocation, ToolMode, ToolOutput};
use ::http::header::{ACCEPT, CONTENT_TYPE};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method};
use async_trait::async_trait;
use copilotkit_protocol::Json;
use std::fmt;
use std::time::Duration;
use url::Url;

/// How much of the body of a failed call the model is told.
const SHOWN: usize = 500;

/// A tool at an http or https address.
///
/// A call is a POST with the arguments as JSON. An answer of status 2xx is the result: JSON as it is, text as a JSON
/// string, nothing as `null`. Redirects are not followed.
pub struct HttpTool {
    spec: ToolSpec,
    mode: ToolMode,
    client: reqwest::Client,
    url: Url,
    headers: HeaderMap,
    forward: HeaderPolicy,
    timeout: Duration,
}

/// The options of an [`HttpTool`].
#[derive(Clone, Debug)]
pub struct HttpToolBuilder {
    spec: ToolSpec,
    mode: ToolMode,
    url: String,
    headers: HeaderMap,
    forward: HeaderPolicy,
    timeout: Duration,
}

impl HttpTool {
    /// A tool at an absolute http or https address.
    pub fn builder(name: impl Into<String>, url: impl Into<String>) -> HttpToolBuilder {
        HttpToolBuilder {
            spec: ToolSpec { name: name.into(), ..ToolSpec::default() },
            mode: ToolMode::Execute,
            url: url.into(),
            headers: HeaderMap::new(),
            forward: HeaderPolicy::None,
            timeout: limits::HTTP_TOOL,
        }
    }

    fn failed(&self, code: &'static str, what: impl fmt::Display) -> ToolError {
        ToolError { code, message: format!("The tool `{}` {what}.", self.spec.name) }
    }

    fn broken(&self, error: &reqwest::Error) -> ToolError {
        // The error's own text holds the address, which the model need not know.
        if error.is_timeout() {
            self.failed("tool_timeout", format_args!("gave no result within {:?}", self.timeout))
        } else if error.is_connect() {
            self.failed("tool_failed", "cannot be reached")
        } else {
            self.failed("tool_failed", "broke the connection before its answer was complete")
        }
    }

    /// The body, up to `limit` bytes; true when there was more.
    async fn body(&self, response: &mut reqwest::Response, limit: usize) -> Result<(Vec<u8>, bool), ToolError> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.broken(&error))? {
            let room = limit - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() > room {
                return Ok((body, true));
            }
        }
        Ok((body, false))
    }

    fn result(&self, content_type: &str, body: Vec<u8>) -> Result<Json, ToolError> {
        if body.is_empty() {
            return Ok(Json::default());
        }
        let text =
            String::from_utf8(body).map_err(|_| self.failed("tool_failed", "answered with bytes that are no text"))?;
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let says_json = essence == "application/json" || essence.ends_with("+json");
        if !says_json && !essence.is_empty() {
            return Ok(Json::of(&text));
        }
        match Json::parse(text.trim()) {
            Ok(json) => Ok(json),
            Err(error) if says_json => Err(self.failed(
                "tool_failed",
                format_args!("answered with something else than the JSON that it announced: {error}"),
            )),
            Err(_) => Ok(Json::of(&text)),
        }
    }
}

impl HttpToolBuilder {
    /// What the tool does, for the model.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.spec.description = text.into();
        self
    }

    /// JSON Schema of the arguments.
    #[must_use]
    pub fn parameters(mut self, schema: Json) -> Self {
        self.spec.parameters = Some(schema);
        self
    }

    /// Adds a header to every call.
    #[must_use]
    pub fn header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.headers.append(name, value);
        self
    }

    /// Which headers of the page's request are passed on; none by default.
    #[must_use]
    pub fn forward(mut self, policy: HeaderPolicy) -> Self {
        self.forward = policy;
        self
    }

    /// How long a call may take, from its start to the last byte of the answer; default [`limits::HTTP_TOOL`].
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// A call ends the run with a question, and nothing is sent anywhere.
    #[must_use]
    pub fn interrupt(mut self, reason: Option<String>, message: Option<String>) -> Self {
        self.mode = ToolMode::Interrupt { reason, message };
        self
    }

    /// The tool.
    ///
    /// # Errors
    /// An address that is none, or a TLS stack that cannot be set up.
    pub fn build(self) -> Result<HttpTool, ClientError> {
        let url = client::check_url(&self.url, Trust::Configured)?;
        let connect_timeout = limits::AGENT_CONNECT.min(self.timeout);
        Ok(HttpTool {
            spec: self.spec,
            mode: self.mode,
            client: client::build(&ClientOptions { connect_timeout, ..ClientOptions::default() })?,
            url,
            headers: self.headers,
            forward: self.forward,
            timeout: self.timeout,
        })
    }
}

#[async_trait]
impl Tool for HttpTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn mode(&self) -> ToolMode {
        self.mode.clone()
    }

    fn timeout(&self) -> Option<Duration> {
        // The request ends by its own limit, with words of its own.
        Some(self.timeout + limits::TOOL_GRACE)
    }

    async fn call(&self, call: ToolInvocation) -> Result<ToolOutput, ToolError> {
        let mut headers = self.forward.outgoing(&call.run.headers, &self.headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json, text/plain;q=0.9, */*;q=0.1"));
        let host = self.url.host_str().unwrap_or_default();
        let sent = call.run.trace.http(&Method::POST, host, self.url.port_or_known_default());
        sent.trace().inject(&mut headers);
        let result = self.send(call.arguments, headers, &sent).await;
        sent.end(result.as_ref().map(|_| ()).map_err(|error| error.code));
        result.map(ToolOutput::new)
    }
}

impl HttpTool {
    async fn send(&self, arguments: Json, headers: HeaderMap, sent: &Call) -> Result<Json, ToolError> {
        let request = self.client.post(self.url.clone()).headers(headers).timeout(self.timeout);
        let answer = request.body(arguments.get().to_owned()).send().await;
        let mut response = answer.map_err(|error| self.broken(&error))?;
        let status = response.status();
        sent.record(names::HTTP_STATUS, i64::from(status.as_u16()));
        if !status.is_success() {
            let (body, _) = self.body(&mut response, SHOWN).await.unwrap_or_default();
            let said = String::from_utf8_lossy(&body);
            let said = if said.trim().is_empty() { String::new() } else { format!(": {}", said.trim()) };
            return Err(self.failed("tool_http_status", format_args!("answered with status {}{said}", status.as_u16())));
        }
        let content_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let (body, more) = self.body(&mut response, limits::HTTP_TOOL_BODY).await?;
        if more {
            let what = format_args!("answered with more than {} bytes", limits::HTTP_TOOL_BODY);
            return Err(self.failed("tool_too_large", what));
        }
        self.result(&content_type, body)
    }
}

impl fmt::Debug for HttpTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTool").field("name", &self.spec.name).finish_non_exhaustive()
    }
}
