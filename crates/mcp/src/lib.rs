//! MCP servers as tools of an agent.
//!
//! A [`McpPool`] holds connections to servers. A run takes a [`Lease`] on each server that it uses: it lists the tools,
//! calls them, reads resources. Connections are made once and shared by all runs with the same credentials.
//!
//! ```no_run
//! use copilotkit_mcp::{CallTerms, McpPool, PoolOptions, ServerConfig};
//! use copilotkit_protocol::Json;
//! use http::HeaderMap;
//! use std::sync::Arc;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = McpPool::new(PoolOptions::default())?;
//! let server = Arc::new(ServerConfig::http("files", "http://127.0.0.1:3001/mcp")?);
//! let lease = pool.lease(&server, &HeaderMap::new());
//! for tool in &lease.tools().await?.tools {
//!     println!("{}: {}", tool.name, tool.description);
//! }
//! let arguments = Json::parse(r#"{"path":"README.md"}"#)?;
//! let result = lease.call_tool("read_file", &arguments, &CallTerms::default()).await?;
//! # let _ = result;
//! pool.close().await;
//! # Ok(())
//! # }
//! ```

pub mod apps;
pub mod config;
mod connection;
pub mod elicit;
mod error;
pub mod limits;
mod listing;
mod names;
pub mod oauth;
mod pool;
pub mod result;
mod telemetry;
mod tools;
mod transport;

pub use config::ServerConfig;
pub use error::{ErrorKind, McpError};
pub use listing::{ToolDef, ToolList};
pub use pool::{CallTerms, Lease, McpPool, PoolOptions, PoolStats, ServerInfo};
/// The result of a tool, as MCP defines it.
pub use rmcp::model::CallToolResult;
pub use tools::{McpTools, PageServers};
