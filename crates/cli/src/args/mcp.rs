//! `copilotkit mcp`.

use super::Format;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// What to do with MCP servers.
#[derive(Clone, Debug, Subcommand)]
pub enum McpCommand {
    /// List the tools of the configured servers, under the names that an agent knows them by.
    List(McpListArgs),
    /// Show what a server says about itself and its tools.
    Inspect(McpInspectArgs),
    /// Call a tool and show its result.
    Call(McpCallArgs),
    /// Agree in a browser that this program uses a server for you.
    Login(McpLoginArgs),
}

/// Which configuration.
#[derive(Clone, Debug, Default, Parser)]
pub struct McpConfigArgs {
    /// The configuration file (TOML) that names the servers [default: copilotkit.toml in this folder, where there is one].
    #[arg(long, env = "COPILOTKIT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How [default: text on a terminal, otherwise json].
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

/// Options of `mcp list`.
#[derive(Clone, Debug, Parser)]
pub struct McpListArgs {
    /// Only these servers.
    #[arg(value_name = "NAME")]
    pub servers: Vec<String>,
    /// Which configuration.
    #[command(flatten)]
    pub config: McpConfigArgs,
}

/// Options of `mcp inspect`.
#[derive(Clone, Debug, Parser)]
pub struct McpInspectArgs {
    /// The server.
    #[arg(value_name = "NAME")]
    pub server: String,
    /// Which configuration.
    #[command(flatten)]
    pub config: McpConfigArgs,
}

/// Options of `mcp call`.
#[derive(Clone, Debug, Parser)]
pub struct McpCallArgs {
    /// The server.
    #[arg(value_name = "NAME")]
    pub server: String,
    /// The tool, as the server calls it.
    pub tool: String,
    /// Its arguments, a JSON object; `-` reads it from the standard input.
    #[arg(default_value = "{}")]
    pub arguments: String,
    /// Which configuration.
    #[command(flatten)]
    pub config: McpConfigArgs,
}

/// Options of `mcp login`.
#[derive(Clone, Debug, Parser)]
pub struct McpLoginArgs {
    /// The server, whose `oauth` has the grant `authorization-code`.
    #[arg(value_name = "NAME")]
    pub server: String,
    /// The port of this machine to which the browser comes back; 0 lets the system choose. Name one where the
    /// authorization server knows the address.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Which configuration.
    #[command(flatten)]
    pub config: McpConfigArgs,
}
