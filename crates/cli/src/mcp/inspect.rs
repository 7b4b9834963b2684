//! `mcp inspect`.

use super::{Desk, explained};
use crate::args::McpInspectArgs;
use crate::threads::terminal::{clean, line};
use anyhow::Result;
use copilotkit_mcp::ToolDef;
use copilotkit_protocol::Json;
use serde_json::{Value, json};
use std::io::{BufWriter, Write};

pub(super) async fn inspect(args: McpInspectArgs) -> Result<()> {
    let desk = Desk::find(&args.config)?;
    let server = desk.server(&args.server)?;
    let lease = desk.lease(&server);
    let failed = |error| explained(&server, &error);
    let info = lease.info().await.map_err(failed)?;
    let list = lease.tools().await.map_err(failed)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    if desk.is_json {
        let tools: Vec<_> = list.tools.iter().map(|tool| object(tool)).collect();
        let all = json!({
            "server": server.id,
            "place": server.place(),
            "protocolVersion": info.protocol_version,
            "name": info.name,
            "version": info.version,
            "instructions": info.instructions,
            "capabilities": info.capabilities.to_value(),
            "droppedTools": list.dropped,
            "tools": tools,
        });
        writeln!(out, "{all}")?;
    } else {
        writeln!(out, "{} at {}", line(&server.id), line(&server.place()))?;
        writeln!(out, "  {} {}, MCP {}", line(&info.name), line(&info.version), line(&info.protocol_version))?;
        writeln!(out, "  capabilities: {}", line(info.capabilities.get()))?;
        if !info.instructions.is_empty() {
            writeln!(out, "  instructions: {}", clean(&info.instructions).replace('\n', "\n    "))?;
        }
        if list.dropped > 0 {
            writeln!(out, "  {} malformed tools were left out", list.dropped)?;
        }
        for tool in &list.tools {
            show(&mut out, tool)?;
        }
    }
    out.flush()?;
    drop(out);
    drop(lease);
    desk.close().await;
    Ok(())
}

fn object(tool: &ToolDef) -> Value {
    let value = |json: &Option<Json>| json.as_ref().map(Json::to_value);
    json!({
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema.to_value(),
        "outputSchema": value(&tool.output_schema),
        "annotations": value(&tool.annotations),
        "_meta": value(&tool.meta),
    })
}

fn show(out: &mut impl Write, tool: &ToolDef) -> std::io::Result<()> {
    writeln!(out, "\n{}", line(&tool.name))?;
    if !tool.description.is_empty() {
        writeln!(out, "  {}", clean(&tool.description).replace('\n', "\n  "))?;
    }
    let schema = tool.input_schema.to_value();
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let kind = match &property["type"] {
            Value::String(kind) => kind.clone(),
            Value::Null => "any".to_owned(),
            other => other.to_string(),
        };
        let must = if required.contains(&name.as_str()) { ", required" } else { "" };
        let about = property["description"].as_str().map(|text| format!(": {text}")).unwrap_or_default();
        writeln!(out, "    {} ({}{must}){}", line(name), line(&kind), line(&about.replace('\n', " ")))?;
    }
    if let Some(resource) = tool.ui_resource() {
        writeln!(out, "    shown by {}", line(resource))?;
    }
    Ok(())
}
