//! `threads delete`, `threads prune`.

use super::desk::{Desk, Stop, usage, work};
use super::list::{format, object, text};
use super::terminal::{Progress, clean, confirm, count, time};
use crate::args::{DeleteArgs, Format, PruneArgs};
use crate::wiring::retention_policy;
use anyhow::{Context as _, Result, anyhow};
use bytesize::ByteSize;
use copilotkit_runtime::store::RetentionPolicy;
use copilotkit_runtime::store::sqlite::{ListedThread, Maintenance};
use std::collections::HashSet;
use std::io::{BufWriter, Write as _};

pub(super) async fn delete(args: DeleteArgs) -> Result<()> {
    let desk = Desk::find(&args.store)?.existing()?;
    let store = desk.write()?;
    let mut seen = HashSet::new();
    let ids = args.ids.iter().filter(|id| seen.insert(id.as_str()));
    let threads = ids.map(|id| desk.thread(&store, id, args.principal.as_deref())).collect::<Result<Vec<_>>>()?;
    remove(store, threads, args.yes).await
}

pub(super) async fn prune(args: PruneArgs) -> Result<()> {
    let desk = Desk::find(&args.store)?.existing()?;
    let policy = match (args.older_than, args.max_threads) {
        (None, None) => retention_policy(&desk.config),
        (max_age, max_threads) => RetentionPolicy { max_age, max_threads, max_bytes: None },
    };
    if policy.keeps_all() {
        return usage("say which threads go: --older-than 30d, --max-threads 1000, or [threads] in the configuration");
    }
    if !args.dry_run {
        let store = desk.write()?;
        let threads = store.excess(&policy)?;
        return remove(store, threads, args.yes).await;
    }
    work(move |_| {
        let threads = desk.read()?.excess(&policy)?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        match format(None) {
            Format::Text if threads.is_empty() => {}
            Format::Text => out.write_all(text(&threads).as_bytes())?,
            Format::Json => threads.iter().try_for_each(|thread| writeln!(out, "{}", object(thread)))?,
        }
        out.flush()?;
        eprintln!("copilotkit: {} would be deleted", count(threads.len() as u64, "thread"));
        Ok(())
    })
    .await
}

/// Asks, then deletes one after the other.
async fn remove(store: Maintenance, threads: Vec<ListedThread>, yes: bool) -> Result<()> {
    let Some(last) = threads.iter().map(|thread| thread.record.updated_at).max() else {
        eprintln!("copilotkit: no thread is to be deleted");
        return Ok(());
    };
    let bytes = threads.iter().map(|thread| thread.bytes).sum();
    let what = format!(
        "{} ({}), last used {}, will be deleted for good",
        match &threads[..] {
            [one] => format!("the thread {}", clean(&one.record.id)),
            _ => count(threads.len() as u64, "thread"),
        },
        ByteSize(bytes),
        time(last)
    );
    if !confirm(&what, yes)? {
        return Err(anyhow!("nothing was deleted"));
    }
    work(move |stop| one_by_one(store, &threads, stop)).await
}

fn one_by_one(mut store: Maintenance, threads: &[ListedThread], stop: &Stop) -> Result<()> {
    let mut progress = Progress::new("deleted");
    let mut deleted = 0;
    for thread in threads {
        if stop.asked() {
            break;
        }
        let told = || format!("the thread {} cannot be deleted", clean(&thread.record.id));
        deleted += u64::from(store.delete(&thread.key()).with_context(told)?);
        progress.at(deleted);
    }
    store.shrink(&mut |_| !stop.asked())?;
    drop(progress);
    eprintln!("copilotkit: {} deleted", count(deleted, "thread"));
    match stop.asked() && deleted < threads.len() as u64 {
        true => Err(anyhow!("stopped: {} left", count(threads.len() as u64 - deleted, "thread"))),
        false => Ok(()),
    }
}
