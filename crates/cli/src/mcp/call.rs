//! `mcp call`.

use super::ask::Terminal;
use super::{Desk, explained};
use crate::args::McpCallArgs;
use crate::threads::desk::usage;
use crate::threads::terminal::{clean, line};
use anyhow::{Context as _, Result, bail};
use copilotkit_mcp::elicit::Elicit;
use copilotkit_mcp::{CallTerms, ServerConfig, result};
use copilotkit_protocol::Json;
use serde_json::Value;
use std::io::{BufWriter, IsTerminal as _, Read as _, Write};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(super) async fn call(args: McpCallArgs) -> Result<()> {
    let text = match args.arguments.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text).context("the arguments cannot be read")?;
            text
        }
        text => text.to_owned(),
    };
    let arguments = match Json::parse(text.trim()) {
        Ok(json) if json.is_object() => json,
        Ok(_) => return usage("the arguments are no JSON object: write them like '{\"path\":\"README.md\"}'"),
        Err(error) => return usage(format!("the arguments: {error}")),
    };
    // Who asks in a script can answer no question.
    let person = args.arguments != "-" && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let desk = Desk::find(&args.config)?;
    let server = Arc::new(ServerConfig { elicitation: person, ..desk.server(&args.server)?.as_ref().clone() });
    let lease = desk.lease(&server);
    let cancel = CancellationToken::new();
    let elicit = person.then(|| Arc::new(Terminal) as Arc<dyn Elicit>);
    let terms = CallTerms { cancel: cancel.clone(), elicit, ..CallTerms::default() };
    let done = {
        let calling = lease.call_tool(&args.tool, &arguments, &terms);
        tokio::pin!(calling);
        tokio::select! {
            done = &mut calling => done,
            pressed = tokio::signal::ctrl_c() => {
                pressed.context("Ctrl-C cannot be watched")?;
                // The server is told before the process ends.
                cancel.cancel();
                calling.await
            }
        }
    };
    let done = done.map_err(|error| explained(&server, &error));
    let shown = match &done {
        Ok(done) => show(&desk, &result::for_page(done.clone())),
        Err(_) => Ok(()),
    };
    drop(lease);
    desk.close().await;
    shown?;
    if done?.is_error == Some(true) {
        bail!("the tool `{}` says that it failed", line(&args.tool))
    }
    Ok(())
}

fn show(desk: &Desk, result: &Json) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    if desk.is_json {
        writeln!(out, "{}", result.get())?;
        return Ok(out.flush()?);
    }
    let value = result.to_value();
    for block in value["content"].as_array().into_iter().flatten() {
        match (block["type"].as_str(), block["text"].as_str()) {
            (Some("text"), Some(text)) => writeln!(out, "{}", clean(text))?,
            (Some(kind @ ("image" | "audio")), _) => {
                let size = block["data"].as_str().map_or(0, str::len);
                writeln!(out, "[{kind} of type {}, {size} bytes as base64]", line(&block["mimeType"].to_string()))?;
            }
            _ => writeln!(out, "{}", line(&block.to_string()))?,
        }
    }
    let structured = &value["structuredContent"];
    if value["content"].as_array().is_none_or(Vec::is_empty) && *structured != Value::Null {
        writeln!(out, "{}", clean(&serde_json::to_string_pretty(structured)?))?;
    }
    Ok(out.flush()?)
}
