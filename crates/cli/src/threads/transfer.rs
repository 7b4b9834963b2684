//! `threads export`, `threads import`, `threads adopt`.

use super::desk::{Desk, Stop, work};
use super::terminal::{Progress, clean, count};
use crate::args::{AdoptArgs, ExportArgs, ImportArgs};
use anyhow::{Context as _, Result, anyhow, bail};
use copilotkit_runtime::store::ThreadKey;
use copilotkit_runtime::store::sqlite::{ImportOptions, Maintenance, MaintenanceError, ThreadFilter};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write as _};

pub(super) async fn export(args: ExportArgs) -> Result<()> {
    let desk = Desk::find(&args.store)?.existing()?;
    work(move |stop| {
        let store = desk.read()?;
        let keys = match args.all {
            true => all(&store, args.principal)?,
            false => {
                let principal = args.principal.as_deref();
                let found = args.ids.iter().map(|id| Ok(desk.thread(&store, id, principal)?.key()));
                found.collect::<Result<_>>()?
            }
        };
        let mut out = BufWriter::new(std::io::stdout().lock());
        let mut progress = Progress::new("exported");
        Maintenance::export_head(&mut out)?;
        let (mut threads, mut frames) = (0, 0);
        for key in keys {
            let exported = match stop.asked() {
                true => Err(MaintenanceError::Stopped),
                false => store.export(&key, &mut out, &mut |_| !stop.asked()),
            };
            match exported {
                Ok(Some(done)) => (threads, frames) = (threads + 1, frames + done.frames),
                // It was deleted just now.
                Ok(None) => {}
                Err(MaintenanceError::Stopped) => {
                    out.flush()?;
                    bail!("stopped: the export is not whole, and an import refuses it if a thread was cut off")
                }
                Err(error) => {
                    let id = clean(&key.thread_id);
                    return Err(anyhow::Error::new(error).context(format!("the thread {id} cannot be exported")));
                }
            }
            progress.at(threads);
        }
        out.flush()?;
        drop(progress);
        eprintln!("copilotkit: {} with {} exported", count(threads, "thread"), count(frames, "event"));
        Ok(())
    })
    .await
}

/// All threads of a principal, or of all of them.
fn all(store: &Maintenance, principal: Option<String>) -> Result<Vec<ThreadKey>> {
    let filter = ThreadFilter { principal, include_archived: true, ..ThreadFilter::default() };
    let mut keys = Vec::new();
    store.list(&filter, |thread| {
        keys.push(thread.key());
        true
    })?;
    Ok(keys)
}

pub(super) async fn import(args: ImportArgs) -> Result<()> {
    let desk = Desk::find(&args.store)?;
    // Before the store is made.
    let name = args.file.display().to_string();
    let file = match name.as_str() {
        "-" => None,
        _ => Some(File::open(&args.file).with_context(|| format!("the export {name} cannot be read"))?),
    };
    work(move |stop| {
        let folder = desk.path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let is_new = !desk.path.exists();
        let mut store = desk.write()?;
        let options = ImportOptions { principal: args.principal, replace: args.replace };
        let mut input: Box<dyn BufRead> = match file {
            Some(file) => Box::new(BufReader::new(file)),
            None => Box::new(std::io::stdin().lock()),
        };
        let mut progress = Progress::new("imported");
        let taken = store.import(&mut input, &options, &mut |threads| go_on(&mut progress, stop, threads));
        drop(progress);
        if taken.is_err() && is_new {
            // Nothing was there, and nothing is to be there. What stays is an empty store.
            let _ = store.discard();
            let _ = folder.map(std::fs::remove_dir);
        }
        let done = taken.map_err(|error| match error {
            MaintenanceError::Exists { principal, thread_id } => anyhow!(
                "the thread {} of {} is there already: --replace deletes it first, --principal ID gives the import to another one; nothing was imported",
                clean(&thread_id),
                clean(&principal)
            ),
            MaintenanceError::Stopped => anyhow!("stopped: nothing was imported"),
            error => anyhow::Error::new(error).context(format!("{name} cannot be imported, nothing was changed")),
        })?;
        let replaced = match done.replaced {
            0 => String::new(),
            replaced => format!(", {replaced} of them in place of another"),
        };
        let (threads, events) = (count(done.threads, "thread"), count(done.frames, "event"));
        eprintln!("copilotkit: {threads} with {events} imported{replaced}");
        Ok(())
    })
    .await
}

fn go_on(progress: &mut Progress, stop: &Stop, threads: u64) -> bool {
    progress.at(threads);
    !stop.asked()
}

pub(super) async fn adopt(args: AdoptArgs) -> Result<()> {
    let desk = Desk::find(&args.store)?.existing()?;
    work(move |stop| {
        let mut store = desk.write()?;
        let keys = match args.ids.is_empty() {
            true => all(&store, Some(args.from.clone()))?,
            false => {
                let found = args.ids.iter().map(|id| Ok(desk.thread(&store, id, Some(&args.from))?.key()));
                found.collect::<Result<Vec<_>>>()?
            }
        };
        let mut progress = Progress::new("adopted");
        let mut adopted = 0;
        let mut failed = None;
        for key in keys {
            if stop.asked() {
                failed = Some(anyhow!("stopped"));
                break;
            }
            match store.adopt(&key, &args.to) {
                Ok(true) => adopted += 1,
                Ok(false) => {}
                Err(MaintenanceError::Exists { principal, thread_id }) => {
                    let (id, principal) = (clean(&thread_id), clean(&principal));
                    let told = anyhow!(
                        "{principal} has a thread {id} already: delete one of the two (`copilotkit threads delete {id} --principal ID`), then adopt the rest"
                    );
                    failed.get_or_insert(told);
                }
                Err(error) => {
                    failed = Some(error.into());
                    break;
                }
            }
            progress.at(adopted);
        }
        drop(progress);
        eprintln!("copilotkit: {} of {} now of {}", count(adopted, "thread"), clean(&args.from), clean(&args.to));
        failed.map_or(Ok(()), Err)
    })
    .await
}
