//! `mcp list`.

use super::{Desk, explained};
use crate::args::McpListArgs;
use crate::threads::terminal::{cell, line, table};
use anyhow::{Result, bail};
use copilotkit_mcp::{Lease, McpTools};
use copilotkit_protocol::Json;
use futures::future::join_all;
use serde_json::json;
use std::io::{BufWriter, Write as _};

pub(super) async fn list(args: McpListArgs) -> Result<()> {
    let desk = Desk::find(&args.config)?;
    let names = if args.servers.is_empty() { desk.names.clone() } else { args.servers.clone() };
    let servers = names.iter().map(|name| desk.server(name)).collect::<Result<Vec<_>>>()?;
    let leases: Vec<_> = servers.iter().map(|server| desk.lease(server)).collect();
    let lists = join_all(leases.iter().map(Lease::tools)).await;
    // The names that an agent with all of these servers knows the tools by.
    let known = McpTools::new(desk.servers.pool().clone(), servers.clone()).names(&lists);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let (mut rows, mut failed) = (Vec::new(), 0);
    for ((server, list), known) in servers.iter().zip(&lists).zip(known) {
        match list {
            Ok(list) => {
                for (tool, name) in list.tools.iter().zip(known) {
                    if desk.is_json {
                        let object = json!({
                            "server": server.id,
                            "tool": tool.name,
                            "offeredAs": name,
                            "description": tool.description,
                            "inputSchema": tool.input_schema.to_value(),
                            "annotations": tool.annotations.as_ref().map(Json::to_value),
                        });
                        writeln!(out, "{object}")?;
                    } else {
                        let name = name.unwrap_or_else(|| "(not offered)".to_owned());
                        rows.push([line(&server.id), line(&tool.name), line(&name), cell(&tool.description)]);
                    }
                }
            }
            Err(error) => {
                failed += 1;
                eprintln!("copilotkit: {:#}", explained(server, error));
            }
        }
    }
    if !rows.is_empty() {
        out.write_all(table(["SERVER", "TOOL", "OFFERED AS", "DESCRIPTION"], &rows).as_bytes())?;
    }
    out.flush()?;
    drop(out);
    drop(leases);
    desk.close().await;
    if failed > 0 {
        bail!("{failed} of {} servers cannot be used", servers.len())
    }
    Ok(())
}
