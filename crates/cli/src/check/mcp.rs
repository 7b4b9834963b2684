//! MCP servers: whether they answer, and how many tools they offer.

use super::{Context, Finding, Probe};
use crate::terminal::{count, one_line};
use copilotkit_mcp::config::Transport;
use copilotkit_mcp::{ErrorKind, Lease, McpError, McpPool, PoolOptions, ServerConfig};
use copilotkit_runtime::telemetry::redact::blot;
use http::HeaderMap;
use std::sync::Arc;

/// How much of the cause is shown, in characters: the last words of a program are a part of it.
const DETAIL: usize = 500;

pub(super) fn probes(context: &Context<'_>) -> Vec<Probe> {
    let probe = |(name, server): &(String, crate::config::McpConfig)| {
        let what = format!("mcp.{name}");
        match server.server(name, context.environment) {
            Ok(mut server) => {
                server.apps = context.config.mcp_apps.servers.iter().any(|shown| shown.name() == name);
                Probe::remote(what, ask(server))
            }
            Err(error) => {
                let detail = error.to_string();
                Probe::local(what, async move { Finding::failed(detail, "correct it in the file") })
            }
        }
    };
    context.config.mcp.iter().map(probe).collect()
}

async fn ask(server: ServerConfig) -> Finding {
    let server = Arc::new(server);
    let pool = match McpPool::new(PoolOptions::default()) {
        Ok(pool) => pool,
        Err(error) => return Finding::failed(error.to_string(), ""),
    };
    let lease = pool.lease(&server, &HeaderMap::new());
    let found = found(&lease).await;
    drop(lease);
    pool.close().await;
    found.unwrap_or_else(|error| failed(&server, &error))
}

async fn found(lease: &Lease) -> Result<Finding, McpError> {
    let info = lease.info().await?;
    let list = lease.tools().await?;
    let offered = list.tools.iter().filter(|tool| tool.is_for_model() && lease.config().offers(&tool.name)).count();
    let tools = count(offered, "tool");
    let mut detail = format!("{} {}, MCP {}, {tools}", info.name, info.version, info.protocol_version);
    if lease.config().apps {
        let shown = list.tools.iter().filter(|tool| tool.ui_resource().is_some()).count();
        if shown == 0 {
            let remedy = format!("take {} out of [mcp_apps]", lease.config().id);
            return Ok(Finding::warning(format!("{detail}, none with a user interface"), remedy));
        }
        detail = format!("{detail}, {shown} with a user interface");
    }
    let named = &lease.config().include_tools;
    let missing: Vec<_> = named.iter().filter(|name| list.get(name).is_none()).map(String::as_str).collect();
    Ok(match (missing.is_empty(), offered) {
        (false, _) => {
            let detail = format!("{detail}; there is no tool `{}`", missing.join("`, `"));
            Finding::warning(detail, format!("copilotkit mcp list {} shows the tools", lease.config().id))
        }
        (true, 0) => Finding::warning(detail, "an agent that names it is offered nothing"),
        (true, _) => Finding::ok(detail),
    })
}

fn failed(server: &ServerConfig, error: &McpError) -> Finding {
    let id = &server.id;
    let remedy = match error.kind {
        ErrorKind::Unauthorized => {
            format!("add a header to [mcp.{id}], or [mcp.{id}.oauth] and copilotkit mcp login {id}")
        }
        ErrorKind::Unreachable => format!("start it, or correct the address or command of [mcp.{id}]"),
        ErrorKind::Closed if matches!(server.transport, Transport::Stdio(_)) => {
            format!("mend what it says, or correct the command of [mcp.{id}]")
        }
        _ => format!("copilotkit mcp inspect {id} says more"),
    };
    // Whoever checks may see what is for the log: why a program could not be started, what a server said.
    let cause = match error.detail.is_empty() {
        true => String::new(),
        false => format!(": {}", blot(&one_line(&error.detail, DETAIL))),
    };
    let message = error.message.trim_end_matches('.');
    Finding::failed(format!("{}: {message}{cause}", server.place()), remedy)
}
