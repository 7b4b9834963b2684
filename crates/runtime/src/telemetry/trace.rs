//! What travels with a run: its span and its account.

use super::call::Call;
use super::{Account, TARGET, names, propagation};
use http::{HeaderMap, Method};
use std::fmt;
use std::sync::Arc;
use tracing::Span;
use tracing::field::Empty;

/// Where something that is done for a run hangs in its trace. Cheap to clone.
///
/// Whoever calls something for a run asks the [`Trace`] of its context for a [`Call`], does it, and ends the call:
///
/// ```
/// use copilotkit_runtime::tool::ToolScope;
/// # async fn send(headers: http::HeaderMap) -> Result<String, &'static str> { Ok(String::new()) }
///
/// async fn lookup(scope: &ToolScope) -> Result<String, &'static str> {
///     let call = scope.trace.mcp("tools/call", Some("lookup"), "files.example", Some(443));
///     let mut headers = http::HeaderMap::new();
///     call.trace().inject(&mut headers);
///     let answer = send(headers).await;
///     call.end(answer.as_ref().map(|_| ()).map_err(|code| *code));
///     answer
/// }
/// ```
#[derive(Clone)]
pub struct Trace {
    span: Span,
    account: Option<Arc<Account>>,
}

impl Default for Trace {
    /// Nobody looks and nothing is counted.
    fn default() -> Self {
        Self { span: Span::none(), account: None }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trace").field(&self.span.id()).finish()
    }
}

impl Trace {
    /// A trace that goes on from a span of yours, without an account.
    pub fn from_span(span: Span) -> Self {
        Self { span, account: None }
    }

    /// The trace of a run, below the span that is current.
    pub(crate) fn of_run(account: Account, run_id: &str, kind: &'static str) -> Self {
        let span = tracing::info_span!(
            target: TARGET,
            "invoke_agent",
            { names::OTEL_NAME } = format!("{} {}", names::INVOKE_AGENT, account.agent_id),
            { names::OTEL_KIND } = "internal",
            { names::OTEL_STATUS } = Empty,
            { names::OPERATION } = names::INVOKE_AGENT,
            { names::AGENT_ID } = &*account.agent_id,
            { names::AGENT_NAME } = &*account.agent_id,
            { names::CONVERSATION } = &*account.thread_id,
            { names::SESSION_ID } = &*account.thread_id,
            { names::USER_ID } = account.user(),
            { names::RUN_ID } = run_id,
            { names::OUTCOME } = Empty,
            { names::ERROR_TYPE } = Empty,
            "copilotkit.run.kind" = kind,
        );
        Self { span, account: Some(Arc::new(account)) }
    }

    /// The span.
    pub fn span(&self) -> &Span {
        &self.span
    }

    pub(crate) fn account(&self) -> Option<&Arc<Account>> {
        self.account.as_ref()
    }

    /// The same account below another span.
    pub(super) fn below(&self, span: Span) -> Self {
        Self { span, account: self.account.clone() }
    }

    /// Whether the principal has something left for another call of a model.
    #[cfg(feature = "lifecycle")]
    pub(crate) fn check_budget(&self) -> Result<(), super::Exhausted> {
        self.account.as_ref().map_or(Ok(()), |account| account.check())
    }

    /// True when content may be recorded: it was asked for, and somebody looks.
    pub fn captures_content(&self) -> bool {
        let asked = |account: &Arc<Account>| account.telemetry.options.capture_content;
        !self.span.is_disabled() && self.account.as_ref().is_some_and(asked)
    }

    fn propagates(&self) -> bool {
        self.account.as_ref().is_none_or(|account| account.telemetry.options.propagate)
    }

    /// Tells whoever gets these headers which trace they are part of: `traceparent`, and `tracestate` where there is one.
    /// Leaves them as they are where nothing is traced, or where it was asked not to tell.
    pub fn inject(&self, headers: &mut HeaderMap) {
        if self.propagates() {
            propagation::inject(&self.span, headers);
        }
    }

    /// The value of `traceparent`, for protocols that carry it elsewhere than in headers.
    pub fn traceparent(&self) -> Option<String> {
        if self.propagates() { propagation::traceparent(&self.span) } else { None }
    }

    /// The id of the trace, for lines of a log.
    pub fn trace_id(&self) -> Option<String> {
        propagation::trace_id(&self.span)
    }

    /// A call of a tool that the server executes.
    pub fn tool(&self, name: &str, call_id: &str) -> Call {
        let span = tracing::info_span!(
            target: TARGET,
            parent: &self.span,
            "execute_tool",
            { names::OTEL_NAME } = format!("{} {name}", names::EXECUTE_TOOL),
            { names::OTEL_KIND } = "internal",
            { names::OTEL_STATUS } = Empty,
            { names::OPERATION } = names::EXECUTE_TOOL,
            { names::TOOL_NAME } = name,
            { names::TOOL_TYPE } = "function",
            { names::TOOL_CALL_ID } = call_id,
            { names::TOOL_ARGUMENTS } = Empty,
            { names::TOOL_RESULT } = Empty,
            { names::ERROR_TYPE } = Empty,
        );
        Call::of_tool(self.below(span), name)
    }

    /// A request to an MCP server: its method, `tools/call`, what that is called on, and where the server is.
    pub fn mcp(&self, method: &str, target: Option<&str>, address: &str, port: Option<u16>) -> Call {
        let is_tool = method == "tools/call";
        let span = tracing::info_span!(
            target: TARGET,
            parent: &self.span,
            "mcp",
            { names::OTEL_NAME } = match target {
                Some(target) => format!("{method} {target}"),
                None => method.to_owned(),
            },
            { names::OTEL_KIND } = "client",
            { names::OTEL_STATUS } = Empty,
            { names::MCP_METHOD } = method,
            { names::MCP_SESSION } = Empty,
            { names::MCP_VERSION } = Empty,
            { names::OPERATION } = is_tool.then_some(names::EXECUTE_TOOL),
            { names::TOOL_NAME } = target.filter(|_| is_tool),
            { names::SERVER_ADDRESS } = address,
            { names::SERVER_PORT } = port.map(i64::from),
            { names::ERROR_TYPE } = Empty,
        );
        Call::new(self.below(span))
    }

    /// A request to a remote agent over a protocol of agents: its method, `message/stream`, and whose.
    pub fn agent(&self, method: &str, agent: &str, address: &str, port: Option<u16>) -> Call {
        let span = tracing::info_span!(
            target: TARGET,
            parent: &self.span,
            "agent",
            { names::OTEL_NAME } = format!("{} {agent}", names::INVOKE_AGENT),
            { names::OTEL_KIND } = "client",
            { names::OTEL_STATUS } = Empty,
            { names::OPERATION } = names::INVOKE_AGENT,
            { names::AGENT_NAME } = agent,
            "rpc.method" = method,
            { names::SERVER_ADDRESS } = address,
            { names::SERVER_PORT } = port.map(i64::from),
            { names::ERROR_TYPE } = Empty,
        );
        Call::new(self.below(span))
    }

    /// An HTTP request to another server.
    pub fn http(&self, method: &Method, address: &str, port: Option<u16>) -> Call {
        let span = tracing::info_span!(
            target: TARGET,
            parent: &self.span,
            "http",
            { names::OTEL_NAME } = method.as_str(),
            { names::OTEL_KIND } = "client",
            { names::OTEL_STATUS } = Empty,
            { names::HTTP_METHOD } = method.as_str(),
            { names::HTTP_STATUS } = Empty,
            { names::SERVER_ADDRESS } = address,
            { names::SERVER_PORT } = port.map(i64::from),
            { names::ERROR_TYPE } = Empty,
        );
        Call::new(self.below(span))
    }
}
