//! `threads list`.

use super::desk::{Desk, work};
use super::terminal::{cell, count, line, table, time};
use crate::args::{Format, ListArgs};
use anyhow::{Result, bail};
use bytesize::ByteSize;
use copilotkit_runtime::store::sqlite::{ListedThread, ThreadFilter};
use serde_json::{Value, json};
use std::io::{BufWriter, IsTerminal as _, Write};

/// Rows of a table where nothing is said.
const ROWS: u64 = 100;

pub(super) async fn list(args: ListArgs) -> Result<()> {
    let desk = Desk::find(&args.store)?.existing()?;
    let format = format(args.format);
    let limit = args.limit.or((format == Format::Text).then_some(ROWS));
    let filter = ThreadFilter {
        id: None,
        principal: args.principal,
        agent_id: args.agent,
        include_archived: args.archived,
        // One more says that there are more.
        limit: limit.map(|limit| limit.saturating_add(1)),
    };
    work(move |stop| {
        let store = desk.read()?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        let (mut written, mut left, mut rows) = (Ok(()), limit.unwrap_or(u64::MAX), Vec::new());
        let mut more = false;
        store.list(&filter, |thread| {
            if left == 0 {
                more = true;
                return false;
            }
            left -= 1;
            match format {
                Format::Text => rows.push(thread),
                Format::Json => written = writeln!(out, "{}", object(&thread)),
            }
            written.is_ok() && !stop.asked()
        })?;
        written?;
        if stop.asked() {
            bail!("stopped")
        }
        if format == Format::Text {
            if rows.is_empty() {
                eprintln!(
                    "copilotkit: no threads{}",
                    if filter.include_archived { "" } else { " (--archived shows archived ones too)" }
                );
            } else {
                out.write_all(text(&rows).as_bytes())?;
            }
        }
        out.flush()?;
        if more && args.limit.is_none() {
            eprintln!("copilotkit: {} and more, --limit N shows them", count(ROWS, "thread"));
        }
        Ok(())
    })
    .await
}

/// As it was asked for, or as it fits where the output goes.
pub(super) fn format(asked: Option<Format>) -> Format {
    asked.unwrap_or(if std::io::stdout().is_terminal() { Format::Text } else { Format::Json })
}

/// Threads as a table.
pub(super) fn text(threads: &[ListedThread]) -> String {
    let rows: Vec<_> = threads
        .iter()
        .map(|thread| {
            let record = &thread.record;
            let marks = [(record.archived, " (archived)"), (thread.live, " (running)")];
            let marks: String = marks.into_iter().filter_map(|(set, mark)| set.then_some(mark)).collect();
            [
                line(&record.id),
                cell(record.name.as_deref().unwrap_or("")) + &marks,
                cell(&record.agent_id),
                cell(&thread.principal),
                time(record.updated_at),
                thread.runs.to_string(),
                ByteSize(thread.bytes).to_string(),
            ]
        })
        .collect();
    table(["ID", "NAME", "AGENT", "PRINCIPAL", "UPDATED", "RUNS", "SIZE"], &rows)
}

/// A thread as one object.
pub(super) fn object(thread: &ListedThread) -> Value {
    let record = &thread.record;
    json!({
        "id": record.id,
        "principal": thread.principal,
        "name": record.name,
        "agentId": record.agent_id,
        "archived": record.archived,
        "createdAt": time(record.created_at),
        "updatedAt": time(record.updated_at),
        "runs": thread.runs,
        "running": thread.live,
        "bytes": thread.bytes,
    })
}
