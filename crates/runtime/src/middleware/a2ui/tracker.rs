//! What a page is shown of the surfaces of a run, event by event.

mod result;

use super::call::{Call, Rules, Shown};
use super::shape;
use super::validate::Problem;
use super::{DebugExposure, Inner, LOG_TOOL};
use copilotkit_protocol::{Emitted, Event, EventKind, Json, Object, ToolCallStart};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// After so many more tokens the page is told again how many there are.
const TOKEN_STEP: usize = 20;
/// The most calls of a run that are followed.
const CALLS: usize = 200;

/// Follows the calls of a run that draw.
pub(super) struct Tracker {
    inner: Arc<Inner>,
    names: HashSet<String>,
    /// The catalog that holds for all surfaces, whatever the agent says.
    catalog_id: Option<String>,
    calls: Vec<Followed>,
    /// By the id that the activity's is made of.
    surfaces: HashMap<String, Surface>,
    /// Surfaces that were shown while their calls streamed.
    painted: HashSet<String>,
    /// A call of another tool in which calls that draw are made: what they show takes each other's place.
    outer: Option<String>,
    /// What the next call takes the place of.
    again: Option<String>,
    /// Calls of other tools without a result.
    open: Vec<String>,
}

struct Followed {
    id: String,
    name: String,
    key: String,
    outer: Option<String>,
    call: Call,
    answered: bool,
}

/// A place on the page where a surface is made.
#[derive(Default)]
struct Surface {
    attempts: Vec<Attempt>,
    shown_tokens: usize,
    state: State,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Building,
    Retrying,
    Painted,
    Failed,
}

/// One try to make a surface.
#[derive(Clone, Debug, Serialize)]
struct Attempt {
    attempt: usize,
    ok: bool,
    errors: Vec<Problem>,
}

/// What a page shows in place of a surface that is not there yet.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_attempts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a [Problem]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    debug_exposure: Option<DebugExposure>,
}

/// A call that draws and has no result when its run is over.
pub(super) struct Pending {
    pub(super) call_id: String,
    /// The tool.
    pub(super) name: String,
    /// What cannot be drawn.
    pub(super) rejected: Option<Rejected>,
}

pub(super) struct Rejected {
    /// Where on the page.
    pub(super) key: String,
    /// How often it was tried.
    pub(super) attempts: usize,
    pub(super) problems: Vec<Problem>,
}

impl Tracker {
    /// Follows the tools of the options and the injected one.
    pub(super) fn new(inner: Arc<Inner>, injected: Option<&str>, page_catalog: Option<String>) -> Self {
        let names = inner.options.tool_names.iter().map(String::as_str).chain(injected).map(str::to_owned).collect();
        let configured = inner.options.catalog_id.clone().filter(|id| !id.is_empty());
        Self {
            inner,
            names,
            catalog_id: configured.or(page_catalog),
            calls: Vec::new(),
            surfaces: HashMap::new(),
            painted: HashSet::new(),
            outer: None,
            again: None,
            open: Vec::new(),
        }
    }

    /// True for the name of a tool that draws.
    pub(super) fn draws(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Takes an event; appends it to `out`, with what is to be shown before and behind it.
    pub(super) fn take(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        match event.kind() {
            EventKind::ToolCallStart => {
                if let Event::ToolCallStart(start) = &*event.event() {
                    self.start(start, out);
                }
            }
            EventKind::ToolCallArgs => {
                if let Some(index) = self.followed(&event)
                    && let Event::ToolCallArgs(arguments) = &*event.event()
                {
                    self.grow(index, &arguments.delta, out);
                }
            }
            EventKind::ToolCallEnd => {
                if let Some(index) = self.followed(&event) {
                    self.end(index, out);
                }
            }
            EventKind::ToolCallResult => {
                out.push(event.clone());
                if let Event::ToolCallResult(result) = event.into_event() {
                    self.result(&result, out);
                }
                return;
            }
            _ => {}
        }
        out.push(event);
    }

    fn followed(&self, event: &Emitted) -> Option<usize> {
        let id = event.head().id.as_deref()?;
        self.calls.iter().rposition(|followed| followed.id == id && !followed.answered)
    }

    fn start(&mut self, start: &ToolCallStart, out: &mut Vec<Emitted>) {
        let id = start.tool_call_id.clone();
        if !self.draws(&start.tool_call_name) {
            if start.tool_call_name != LOG_TOOL {
                self.outer = Some(id.clone());
                self.open.push(id);
            }
            return;
        }
        if self.calls.len() >= CALLS {
            return;
        }
        let key = self.outer.clone().or_else(|| self.again.take()).unwrap_or_else(|| id.clone());
        let surface = self.surfaces.entry(key.clone()).or_default();
        surface.attempts.push(Attempt { attempt: surface.attempts.len() + 1, ok: true, errors: Vec::new() });
        surface.shown_tokens = 0;
        if surface.state != State::Retrying {
            surface.state = State::Building;
            out.push(self.status(&key, Status { status: "building", ..Status::default() }));
        }
        let (name, outer) = (start.tool_call_name.clone(), self.outer.clone());
        self.calls.push(Followed { id, name, key, outer, call: Call::new(), answered: false });
    }

    fn grow(&mut self, index: usize, piece: &str, out: &mut Vec<Emitted>) {
        let Some(followed) = self.calls.get_mut(index) else { return };
        let key = followed.key.clone();
        followed.call.count(piece);
        let tokens = followed.call.tokens();
        let surface = self.surfaces.entry(key.clone()).or_default();
        let building = surface.state == State::Building && self.inner.options.recovery.progress;
        if building && tokens >= surface.shown_tokens + TOKEN_STEP {
            surface.shown_tokens = tokens;
            let status = Status { status: "building", progress_tokens: Some(tokens), ..Status::default() };
            out.push(self.status(&key, status));
        }
        let rules = Rules { catalog_id: self.catalog_id.as_deref(), catalog: self.inner.catalog.as_ref() };
        let Some(followed) = self.calls.get_mut(index) else { return };
        for shown in followed.call.push(piece, rules) {
            match shown {
                Shown::Surface(content) => {
                    self.painted.extend(followed.call.surface_id().map(str::to_owned));
                    self.surfaces.entry(key.clone()).or_default().state = State::Painted;
                    out.push(shape::snapshot(message_id(&key), content).into());
                }
                Shown::Rejected(problems) => return self.reject(&key, problems, out),
            }
        }
    }

    fn end(&mut self, index: usize, out: &mut Vec<Emitted>) {
        let Some(followed) = self.calls.get_mut(index) else { return };
        let known = followed.call.problems().is_some();
        followed.call.end();
        if let Some(problems) = followed.call.problems().filter(|_| !known) {
            let (key, problems) = (followed.key.clone(), problems.to_vec());
            self.reject(&key, problems, out);
        }
    }

    /// A try that failed: the page says that there will be another one.
    fn reject(&mut self, key: &str, problems: Vec<Problem>, out: &mut Vec<Emitted>) {
        let max = self.max_attempts();
        let surface = self.surfaces.entry(key.to_owned()).or_default();
        surface.state = State::Retrying;
        surface.shown_tokens = 0;
        let attempt = Some((surface.attempts.len() + 1).min(max));
        if let Some(last) = surface.attempts.last_mut() {
            (last.ok, last.errors) = (false, problems.clone());
        }
        let errors = Some(problems.as_slice());
        let status = Status { status: "retrying", attempt, max_attempts: Some(max), errors, ..Status::default() };
        out.push(self.status(key, status));
    }

    fn max_attempts(&self) -> usize {
        self.inner.options.recovery.max_attempts.max(1) as usize
    }

    fn status(&self, key: &str, status: Status<'_>) -> Emitted {
        let status = Status { debug_exposure: self.inner.options.recovery.debug_exposure, ..status };
        let content = Object::try_from(Json::of(&status)).unwrap_or_default();
        shape::snapshot(message_id(key), content).into()
    }

    /// The calls that draw and have no result; none of them is followed any longer.
    pub(super) fn pending(&mut self, out: &mut Vec<Emitted>) -> Vec<Pending> {
        for index in 0..self.calls.len() {
            if self.calls.get(index).is_some_and(|followed| !followed.answered) {
                self.end(index, out);
            }
        }
        let surfaces = &self.surfaces;
        let pending = self.calls.iter_mut().filter(|followed| !followed.answered).map(|followed| {
            followed.answered = true;
            let key = followed.key.clone();
            let surface = surfaces.get(&key);
            let attempts = surface.map_or(0, |surface| surface.attempts.len());
            // Another call may have taken its place.
            let waits = surface.is_some_and(|surface| surface.state == State::Retrying);
            let problems = followed.call.problems().filter(|_| waits).map(<[Problem]>::to_vec);
            let rejected = problems.map(|problems| Rejected { key, attempts, problems });
            Pending { call_id: followed.id.clone(), name: followed.name.clone(), rejected }
        });
        pending.collect()
    }

    /// True when the page has something to do before the agent goes on.
    pub(super) fn waits_for_page(&self) -> bool {
        !self.open.is_empty()
    }

    /// What the next call shows takes the place of what is there.
    pub(super) fn try_again(&mut self, key: String) {
        self.outer = None;
        self.again = Some(key);
    }

    /// All tries that failed, as JSON.
    pub(super) fn attempts(&self, key: &str) -> Json {
        let none: &[Attempt] = &[];
        Json::of(self.surfaces.get(key).map_or(none, |surface| &surface.attempts))
    }

    /// Nothing more comes: what is not painted by now has failed.
    pub(super) fn give_up(&mut self, why: &str, out: &mut Vec<Emitted>) {
        let waiting = |surface: &&mut Surface| matches!(surface.state, State::Building | State::Retrying);
        let mut failed: Vec<(String, usize)> = Vec::new();
        for (key, surface) in &mut self.surfaces {
            if let Some(surface) = Some(surface).filter(waiting) {
                surface.state = State::Failed;
                failed.push((key.clone(), surface.attempts.len()));
            }
        }
        failed.sort();
        for (key, attempts) in failed {
            out.push(self.failed(&key, why, &self.attempts(&key), attempts));
        }
    }

    fn failed(&self, key: &str, error: &str, attempts: &Json, tries: usize) -> Emitted {
        let max_attempts = Some(if tries == 0 { self.max_attempts() } else { tries });
        let status = Status {
            status: "failed",
            error: Some(error),
            attempts: Some(attempts),
            max_attempts,
            ..Status::default()
        };
        self.status(key, status)
    }
}

fn message_id(key: &str) -> String {
    format!("a2ui-surface-{key}")
}
