//! `threads show`.

use super::desk::{Desk, Stop, work};
use super::list::format;
use super::terminal::{clean, count, time};
use crate::args::{Format, ShowArgs};
use anyhow::{Result, bail};
use copilotkit_protocol::{Applied, Event, Message};
use copilotkit_runtime::store::ThreadKey;
use copilotkit_runtime::store::sqlite::{ListedThread, Maintenance};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufWriter, Write};

pub(super) async fn show(args: ShowArgs) -> Result<()> {
    let desk = Desk::find(&args.store)?.existing()?;
    work(move |stop| {
        let store = desk.read()?;
        let thread = desk.thread(&store, &args.id, args.principal.as_deref())?;
        let format = format(args.format);
        let mut out = BufWriter::new(std::io::stdout().lock());
        if args.events {
            events(&store, &thread.key(), format, stop, &mut out)?;
        } else {
            let applied = applied(&store, &thread.key(), stop)?;
            match (args.state, format) {
                (true, Format::Json) => writeln!(out, "{}", applied.state().get())?,
                (true, Format::Text) => writeln!(out, "{}", clean(&format!("{:#}", applied.state().to_value())))?,
                (false, Format::Json) => writeln!(out, "{}", serde_json::to_string(applied.messages())?)?,
                (false, Format::Text) => out.write_all(text(&thread, applied.messages()).as_bytes())?,
            }
        }
        Ok(out.flush()?)
    })
    .await
}

/// The events as a client of AG-UI 1.0 gets them.
fn events(store: &Maintenance, key: &ThreadKey, format: Format, stop: &Stop, out: &mut impl Write) -> Result<()> {
    let mut written = Ok(());
    store.frames(key, |frame| {
        if let Some(json) = frame.for_client(false) {
            let json = String::from_utf8_lossy(json);
            written = match format {
                Format::Json => writeln!(out, "{}", json.replace(['\n', '\r'], " ")),
                Format::Text => writeln!(out, "{:>8}  {}", frame.seq, clean(&json.replace(['\n', '\r'], " "))),
            };
        }
        written.is_ok() && !stop.asked()
    })?;
    written?;
    if stop.asked() {
        bail!("stopped")
    }
    Ok(())
}

/// What a page makes of the thread's log.
fn applied(store: &Maintenance, key: &ThreadKey, stop: &Stop) -> Result<Applied> {
    let (mut applied, mut broken) = (Applied::default(), 0);
    store.frames(key, |frame| {
        match Event::from_json(&frame.json) {
            Ok(event) => applied.apply(&event),
            Err(_) => broken += 1,
        }
        !stop.asked()
    })?;
    if stop.asked() {
        bail!("stopped")
    }
    if broken > 0 {
        eprintln!("copilotkit: warning: {} cannot be read and were left out", count(broken, "event"));
    }
    Ok(applied)
}

/// The messages for people.
fn text(thread: &ListedThread, messages: &[Message]) -> String {
    let record = &thread.record;
    let name = record.name.as_deref().map(|name| format!(", {name}")).unwrap_or_default();
    let (runs, messages_) = (count(thread.runs, "run"), count(messages.len() as u64, "message"));
    let mut out = clean(&format!(
        "{}{name}\nof {}, agent {}, last used {}, {runs}, {messages_}\n",
        record.id,
        thread.principal,
        record.agent_id,
        time(record.updated_at),
    ));
    for message in messages {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\n{} {}", message.role(), clean(message.id()));
        let value = serde_json::to_value(message).unwrap_or_default();
        let content = match value.get("content") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(parts) => parts.to_string(),
        };
        if !content.is_empty() {
            let _ = writeln!(out, "{}", clean(&content));
        }
        for call in message.tool_calls() {
            let _ = writeln!(out, "-> {}({})", clean(&call.function.name), clean(&call.function.arguments));
        }
    }
    out
}
