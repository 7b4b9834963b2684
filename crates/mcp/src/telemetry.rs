//! Spans of what servers are asked, with the attributes of OpenTelemetry's conventions for MCP.

use crate::config::{ServerConfig, Transport};
use crate::connection::Connection;
use crate::error::McpError;
use copilotkit_runtime::Trace;
use copilotkit_runtime::telemetry::{Call, names};
use rmcp::model::{CallToolResult, RequestParamsMeta};

/// What the conventions call a result of a tool that says that it failed.
const TOOL_ERROR: &str = "tool_error";

/// One request to a server: a span from when it is made until it is over, whether it is sent or not.
pub(crate) struct Request(Call);

/// A request for a run: its method, and what it is about.
pub(crate) fn request(trace: &Trace, config: &ServerConfig, method: &str, about: Option<&str>) -> Request {
    let (address, port) = match &config.transport {
        Transport::Http(url) | Transport::Sse(url) => (url.host_str().unwrap_or_default(), url.port_or_known_default()),
        // The arguments may hold what is secret.
        Transport::Stdio(command) => (command.program.as_str(), None),
    };
    Request(trace.mcp(method, about, address, port))
}

impl Request {
    /// Tells the server which trace it is part of.
    pub(crate) fn inject(&self, params: &mut impl RequestParamsMeta) {
        if let Some(traceparent) = self.0.trace().traceparent() {
            params.set_traceparent(&traceparent);
        }
    }

    /// It goes over this connection.
    pub(crate) fn goes_over(&self, connection: &Connection) {
        if !self.0.trace().span().is_disabled()
            && let Some(info) = connection.info()
        {
            self.0.record(names::MCP_VERSION, info.protocol_version.as_str());
        }
    }

    /// It is over.
    pub(crate) fn end<T>(self, done: &Result<T, McpError>) {
        self.0.end(done.as_ref().map(drop).map_err(|error| error.kind.as_str()));
    }

    /// It is over, where it is a call of a tool.
    pub(crate) fn end_call(self, done: &Result<CallToolResult, McpError>) {
        self.0.end(match done {
            Ok(result) if result.is_error == Some(true) => Err(TOOL_ERROR),
            Ok(_) => Ok(()),
            Err(error) => Err(error.kind.as_str()),
        });
    }
}
