//! The list of tasks, from the threads that were used last.

use super::calls::Asked;
use super::fail::Failure;
use super::id::{TaskId, begun_by};
use super::load::{CANCELED, is_canceled};
use super::record::{Record, asked_for};
use crate::limits::{LISTED_BYTES, LISTED_THREADS, TASK_PAGE};
use crate::types::{ListTasksRequest, ListTasksResponse, TaskState};
use copilotkit_protocol::{Event, EventKind};
use copilotkit_runtime::store::{Frame, ListThreads, ReadLog, ThreadKey, ThreadRecord};

/// A page of the list: the newest state first.
pub(super) async fn list(asked: &Asked<'_>, request: ListTasksRequest) -> Result<ListTasksResponse, Failure> {
    let (most, usual) = TASK_PAGE;
    let page_size = request.page_size.unwrap_or(usual);
    if !(1..=most).contains(&page_size) {
        return Err(Failure::params(format!("pageSize: expected a number from 1 to {most}")));
    }
    if let Some(TaskState::Unknown(word)) = &request.status {
        let what = format!("status: `{}` is no state of a task", crate::guard::clean_line(word, 40));
        return Err(Failure::params(what));
    }
    let after = match &request.status_timestamp_after {
        Some(text) => {
            Some(millis(text).ok_or_else(|| Failure::params("statusTimestampAfter: expected an ISO 8601 time"))?)
        }
        None => None,
    };
    let behind = match &request.page_token {
        Some(token) => {
            Some(place(token).ok_or_else(|| Failure::params("pageToken: expected that of a page of the list"))?)
        }
        None => None,
    };
    let wanted = request.status.filter(|state| *state != TaskState::Unspecified);
    let mut found = Vec::new();
    let mut left = LISTED_BYTES;
    for thread in threads(asked, request.context_id.as_deref()).await? {
        found.extend(tasks(asked, &thread, &mut left).await?);
        if left == 0 {
            break;
        }
    }
    found.retain(|task| {
        wanted.as_ref().is_none_or(|state| *state == task.state) && after.is_none_or(|after| task.changed_at >= after)
    });
    found.sort_by_key(|task| std::cmp::Reverse(key(task)));
    let total_size = u32::try_from(found.len()).unwrap_or(u32::MAX);
    let mut rest = found.iter().filter(|task| behind.as_ref().is_none_or(|behind| key(task) < *behind)).peekable();
    let page: Vec<&Record> = rest.by_ref().take(page_size as usize).collect();
    let next_page_token = match (rest.peek(), page.last()) {
        (Some(_), Some(last)) => format!("{}-{}", last.changed_at, last.id.nonce.as_str()),
        _ => String::new(),
    };
    let shown = |record: &&Record| {
        let mut task = record.task(request.history_length);
        if request.include_artifacts != Some(true) {
            task.artifacts = Vec::new();
        }
        task
    };
    Ok(ListTasksResponse { tasks: page.iter().map(shown).collect(), next_page_token, page_size, total_size })
}

type Key = (u64, String);

fn key(record: &Record) -> Key {
    (record.changed_at, record.id.nonce.as_str().to_owned())
}

fn place(token: &str) -> Option<Key> {
    let (time, nonce) = token.split_once('-')?;
    Some((time.parse().ok()?, nonce.to_owned()))
}

async fn threads(asked: &Asked<'_>, context_id: Option<&str>) -> Result<Vec<ThreadRecord>, Failure> {
    let store = asked.lifecycle.store();
    if let Some(context_id) = context_id {
        let thread = ThreadKey::new(&asked.principal, context_id);
        return Ok(store.get(&thread).await?.into_iter().collect());
    }
    let request = ListThreads {
        principal: asked.principal.id().into(),
        // That would be the agent of a thread's last run alone.
        agent_id: None,
        include_archived: true,
        limit: LISTED_THREADS,
        cursor: None,
    };
    Ok(store.list(request).await?.threads)
}

/// The tasks of a thread. `left` is how many bytes may be read for it.
async fn tasks(asked: &Asked<'_>, record: &ThreadRecord, left: &mut usize) -> Result<Vec<Record>, Failure> {
    let thread = ThreadKey::new(&asked.principal, record.id.clone());
    let probe = ReadLog { thread: thread.clone(), from: 0, compact_until: 0, max_bytes: 0 };
    let now = asked.lifecycle.store().read(probe).await?;
    let mut subscription = asked.lifecycle.follow(&asked.agent_id, &asked.principal, &record.id, 0).await?;
    let mut found = Found { agent_id: &asked.agent_id, thread_id: &record.id, records: Vec::new(), last_run: None };
    while subscription.has_history() && *left > 0 {
        let batch = subscription.next_batch().await?;
        if batch.is_empty() {
            break;
        }
        for frame in batch.frames() {
            *left = left.saturating_sub(frame.json.len());
            found.take(frame);
        }
        // A long history must not keep others waiting.
        tokio::task::yield_now().await;
    }
    let Found { mut records, last_run, .. } = found;
    if let Some(live) = &now.live
        && let Some(nonce) = begun_by(&asked.agent_id, &live.run_id)
        && !records.iter().any(|record| record.id.nonce == nonce)
    {
        // It was taken, and nothing was said yet.
        let id = TaskId { nonce, first_seq: live.first_seq, thread_id: record.id.to_string() };
        records.push(Record::new(&asked.agent_id, id));
    }
    for task in &mut records {
        let is_last = last_run.is_some_and(|run| task.is_of_last_run(run)) && task.state.is_settled();
        task.changed_at = if is_last { record.updated_at } else { task.id.nonce.time() };
        if task.state.is_interrupted() && is_canceled(&asked.lifecycle, &thread, &task.id).await? {
            task.abandon(CANCELED);
        }
    }
    Ok(records)
}

/// The tasks in the frames of a thread.
struct Found<'a> {
    agent_id: &'a str,
    thread_id: &'a str,
    records: Vec<Record>,
    last_run: Option<u64>,
}

impl Found<'_> {
    fn take(&mut self, frame: &Frame) {
        self.last_run = Some(frame.run);
        if let Some(last) = self.records.last_mut().filter(|record| !record.is_closed()) {
            last.take([frame], &mut Vec::new());
        }
        if frame.kind != EventKind::RunStarted {
            return;
        }
        let Ok(Event::RunStarted(started)) = Event::from_json(&frame.json) else { return };
        if let Some(nonce) = begun_by(self.agent_id, asked_for(&started)) {
            let id = TaskId { nonce, first_seq: frame.seq, thread_id: self.thread_id.to_owned() };
            let mut record = Record::new(self.agent_id, id);
            record.take([frame], &mut Vec::new());
            self.records.push(record);
        }
    }
}

/// Milliseconds since the Unix epoch of an ISO 8601 time: `2026-11-22T10:00:00Z`, with any fraction, in any zone.
fn millis(text: &str) -> Option<u64> {
    let (date, time) = text.trim().split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let zone_at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(0..24).contains(&hour) || !(0..60).contains(&minute)
    {
        return None;
    }
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    let offset = match zone.trim_start_matches(['Z', 'z']) {
        "" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
        }
    };
    // Years that begin in March put the leap day at their end; an era is 400 of them.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + (hour * 60 + minute - offset) * 60 + second;
    u64::try_from(seconds * 1_000 + fraction.parse::<i64>().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::id::iso;
    use super::*;

    #[test]
    fn times_are_read_in_every_spelling() {
        for time in [0, 951_782_399_999, 1_790_000_000_123, 4_102_444_800_000] {
            assert_eq!(millis(&iso(time)), Some(time));
        }
        let noon = millis("2026-11-22T12:00:00Z");
        assert!(noon.is_some());
        for same in ["2026-11-22T14:00:00+02:00", "2026-11-22T12:00:00.000000Z", "2026-11-22 06:30:00-05:30"] {
            assert_eq!(millis(same), noon, "{same}");
        }
        for wrong in
            ["", "today", "2026-13-01T00:00:00Z", "2026-11-22", "2026-11-22T25:00:00Z", "2026-11-22T10:00:00.xZ"]
        {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }
}
