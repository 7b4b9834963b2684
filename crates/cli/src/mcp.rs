//! `copilotkit mcp`: what MCP servers offer, from the terminal.

mod ask;
mod call;
mod inspect;
mod list;
mod login;

use crate::args::{Format, McpCommand, McpConfigArgs, ServeArgs};
use crate::serve;
use crate::wiring::McpServers;
use anyhow::{Result, anyhow, bail};
use copilotkit_mcp::{Lease, McpError, ServerConfig};
use copilotkit_runtime::telemetry::redact::blot;
use http::HeaderMap;
use std::io::IsTerminal as _;
use std::sync::Arc;

/// Does it.
///
/// # Errors
/// A wrong configuration, a server that is not there or not configured, a tool that failed.
pub async fn run(command: McpCommand) -> Result<()> {
    let done = match command {
        McpCommand::List(args) => list::list(args).await,
        McpCommand::Inspect(args) => inspect::inspect(args).await,
        McpCommand::Call(args) => call::call(args).await,
        McpCommand::Login(args) => login::login(args).await,
    };
    match done {
        // Whoever read, like `head`, has enough.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::BrokenPipe)
}

/// The configured servers.
struct Desk {
    servers: McpServers,
    names: Vec<String>,
    is_json: bool,
}

impl Desk {
    fn find(args: &McpConfigArgs) -> Result<Self> {
        let settings = ServeArgs { config: args.config.clone(), ..ServeArgs::default() };
        let (environment, lookup) = serve::environment();
        let config = serve::load(&settings, &environment, &lookup)?;
        let names: Vec<_> = config.mcp.iter().map(|(name, _)| name.clone()).collect();
        if names.is_empty() {
            let place = config.file.as_ref().map_or("--config FILE".to_owned(), |file| file.display().to_string());
            bail!(
                "no MCP server is configured: add one to {place}, like\n  [mcp.files]\n  command = [\"npx\", \"-y\", \"@modelcontextprotocol/server-filesystem\", \".\"]"
            )
        }
        let text = std::io::stdout().is_terminal();
        let is_json = args.format.unwrap_or(if text { Format::Text } else { Format::Json }) == Format::Json;
        Ok(Self { servers: McpServers::new(&config, &lookup)?, names, is_json })
    }

    fn server(&self, name: &str) -> Result<Arc<ServerConfig>> {
        let found = self.servers.get(name).cloned();
        found.ok_or_else(|| {
            let known = crate::config::nearest(name, self.names.iter().map(String::as_str));
            let meant = known.map(|known| format!("did you mean `{known}`? ")).unwrap_or_default();
            let all = self.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            anyhow!("there is no MCP server `{name}`: {meant}The servers are {all}")
        })
    }

    fn lease(&self, server: &Arc<ServerConfig>) -> Lease {
        self.servers.pool().lease(server, &HeaderMap::new())
    }

    async fn close(&self) {
        self.servers.pool().close().await;
    }
}

/// An error with what only the person at the terminal may see, and what to do.
fn explained(server: &ServerConfig, error: &McpError) -> anyhow::Error {
    let detail = match error.detail.is_empty() {
        true => String::new(),
        false => format!("\n  {}: {}", server.place(), crate::threads::terminal::line(&blot(&error.detail))),
    };
    let remedy = match error.kind {
        copilotkit_mcp::ErrorKind::Unauthorized => {
            let id = &server.id;
            format!("\n  add a header to [mcp.{id}], or [mcp.{id}.oauth] and `copilotkit mcp login {id}`")
        }
        copilotkit_mcp::ErrorKind::Timeout => "\n  COPILOTKIT_LOG=copilotkit=debug shows what it says".to_owned(),
        _ => String::new(),
    };
    anyhow!("{}{detail}{remedy}", error.message)
}
