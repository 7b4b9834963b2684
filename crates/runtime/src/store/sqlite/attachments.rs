//! What is large in an event is stored once for each thread, by its digest: pages and agents send pictures again with
//! each run. Threads share nothing, and so principals do not.

use super::fault::Fault;
use super::jobs::Form;
use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Stores a text that the thread may have already, notes that this form of a run uses it, and says its number. `added`
/// grows by what it takes.
pub(super) fn keep(connection: &Connection, form: Form, text: &[u8], added: &mut u64) -> Result<u64, Fault> {
    let digest = digest(&SHA256, text);
    let found = connection
        .prepare_cached("SELECT attachment FROM attachments WHERE thread = ?1 AND digest = ?2")?
        .query_row(params![form.thread, digest.as_ref()], |row| row.get(0))
        .optional()?;
    let number = match found {
        Some(number) => number,
        None => {
            *added += text.len() as u64;
            connection
                .prepare_cached(
                    "INSERT INTO attachments (thread, digest, data) VALUES (?1, ?2, ?3) RETURNING attachment",
                )?
                .query_row(params![form.thread, digest.as_ref(), text], |row| row.get(0))?
        }
    };
    connection
        .prepare_cached("INSERT OR IGNORE INTO attachment_uses (run, compact, attachment) VALUES (?1, ?2, ?3)")?
        .execute(params![form.run, form.compact, number])?;
    Ok(number)
}

/// Puts the text of that number behind `out`; false when there is none.
pub(super) fn put(connection: &Connection, number: u64, out: &mut Vec<u8>) -> Result<bool, Fault> {
    let found = connection
        .prepare_cached("SELECT data FROM attachments WHERE attachment = ?1")?
        .query_row([number], |row| {
            out.extend_from_slice(row.get_ref(0)?.as_blob()?);
            Ok(())
        })
        .optional()?;
    Ok(found.is_some())
}

/// The single events of a run go: so does what nothing else uses. Says how many bytes that was.
pub(super) fn release(connection: &Connection, run: u64) -> Result<u64, Fault> {
    let used: Vec<u64> = connection
        .prepare_cached("DELETE FROM attachment_uses WHERE run = ?1 AND compact = 0 RETURNING attachment")?
        .query_map([run], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut freed = 0;
    for number in used {
        let gone = connection
            .prepare_cached(
                "DELETE FROM attachments WHERE attachment = ?1
                AND NOT EXISTS (SELECT 1 FROM attachment_uses WHERE attachment = ?1) RETURNING length(data)",
            )?
            .query_row([number], |row| row.get::<_, u64>(0))
            .optional()?;
        freed += gone.unwrap_or(0);
    }
    Ok(freed)
}
