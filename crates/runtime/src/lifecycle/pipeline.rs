//! From what an agent emits to frames: expand chunks, repair, verify, encode once.

use crate::lifecycle::{LifecycleOptions, input};
use crate::limits;
use crate::store::{Append, Frame, Lease};
use copilotkit_protocol::{
    Code, Emitted, End, Event, EventKind, Excess, Expander, PROTOCOL_VERSION, Repair, RepairOptions, RunAgentInput,
    RunError, RunStarted, Verifier, check_depth,
};
use serde::Deserialize;

/// The state of one run's stream of events.
pub(super) struct Pipeline {
    expander: Expander,
    repair: Repair,
    verifier: Verifier,
    run: u64,
    next_seq: u64,
    echo: Option<Box<RunAgentInput>>,
    events: u64,
    max_events: u64,
    bytes: usize,
    max_bytes: usize,
    event_max: usize,
    json_depth: usize,
    finished: bool,
    expanded: Vec<Emitted>,
    repaired: Vec<Emitted>,
}

/// Why a run must end now.
pub(super) struct Overrun {
    pub(super) code: Code,
    pub(super) message: String,
}

impl Pipeline {
    pub(super) fn new(
        options: &LifecycleOptions,
        lease: &Lease,
        input: &RunAgentInput,
        echo: Option<Box<RunAgentInput>>,
    ) -> Self {
        Self {
            expander: Expander::new(),
            repair: Repair::new(RepairOptions {
                thread_id: input.thread_id.clone(),
                run_id: input.run_id.clone(),
                frontend_tools: input.tools.iter().map(|tool| tool.name.clone()).collect(),
                state: input.state.clone(),
            }),
            verifier: Verifier::new(),
            run: lease.run,
            next_seq: lease.first_seq,
            echo,
            events: 0,
            max_events: options.run_events,
            bytes: 0,
            max_bytes: options.run_bytes,
            event_max: options.event_max,
            json_depth: options.json_depth.min(limits::JSON_DEPTH),
            finished: false,
            expanded: Vec::new(),
            repaired: Vec::new(),
        }
    }

    /// True once the terminal event was made.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Takes one event of the agent.
    ///
    /// # Errors
    /// When the run must end: a chunk that cannot be expanded, or a bound. What the agent sent counts, also where repair
    /// drops it; the bounds are looked at before, so that what repair holds for open is in the log.
    pub(super) fn push(&mut self, emitted: Emitted, out: &mut Append) -> Result<(), Overrun> {
        self.events += 1;
        if self.events > self.max_events {
            let message = format!("The run was ended: it has more than {} events.", self.max_events);
            return Err(Overrun { code: Code::RunTooManyEvents, message });
        }
        if self.bytes > self.max_bytes {
            let message = format!("The run was ended: its events are larger than {} bytes.", self.max_bytes);
            return Err(Overrun { code: Code::RunTooLarge, message });
        }
        if let Some(excess) = emitted.exceeds(self.event_max, self.json_depth) {
            return Err(self.too_much(excess, emitted.kind()));
        }
        let expanded = self.expander.push(emitted, &mut self.expanded);
        for item in self.expanded.drain(..) {
            self.repair.push(item, &mut self.repaired);
        }
        let verified = self.frame(out);
        expanded.map_err(|error| Overrun { code: Code::AgentBadEvent, message: error.to_string() })?;
        if verified {
            return Ok(());
        }
        Err(Overrun { code: Code::InternalError, message: "The server could not order the agent's events.".to_owned() })
    }

    fn too_much(&self, excess: Excess, kind: EventKind) -> Overrun {
        let (code, how, bound, unit) = match excess {
            Excess::Size => (Code::AgentEventTooLarge, "larger", self.event_max, "bytes"),
            Excess::Depth => (Code::AgentEventTooDeep, "nested deeper", self.json_depth, "levels"),
        };
        Overrun { code, message: format!("The run was ended: its {kind} is {how} than {bound} {unit}.") }
    }

    /// Ends the run: closes what is open and makes the terminal event if there was none.
    pub(super) fn finish(&mut self, end: End, out: &mut Append) {
        if self.finished {
            return;
        }
        self.repair.finish(end, &mut self.repaired);
        self.frame(out);
        if !self.finished {
            let message = "The server could not order the agent's events.".to_owned();
            let code = Some(Code::InternalError.into());
            self.log(RunError { message, code, ..Default::default() }.into(), out);
        }
    }

    /// Frames what repair gave. False when something does not verify, which repair exists to prevent: it is left out.
    fn frame(&mut self, out: &mut Append) -> bool {
        let mut repaired = std::mem::take(&mut self.repaired);
        let mut verified = true;
        for item in repaired.drain(..) {
            match self.verifier.check(&item) {
                Ok(()) => self.log(item, out),
                Err(error) => {
                    tracing::error!(%error, kind = %item.kind(), "a repaired event does not verify");
                    verified = false;
                }
            }
        }
        self.repaired = repaired;
        verified
    }

    fn log(&mut self, item: Emitted, out: &mut Append) {
        let kind = item.kind();
        if let EventKind::TextMessageStart
        | EventKind::ToolCallResult
        | EventKind::ReasoningMessageStart
        | EventKind::ActivitySnapshot = kind
        {
            out.message_ids.extend(item.head().id.clone());
        }
        let frame = if kind == EventKind::RunStarted {
            self.started(item.into_event(), out)
        } else {
            Frame::new(self.next_seq, self.run, item)
        };
        self.bytes += frame.json.len();
        self.next_seq += 1;
        self.finished |= kind.is_terminal();
        out.frames.push(frame);
    }

    /// RUN_STARTED shows what the run was started with, unless the agent says it itself, and declares our version. Of what is
    /// larger or deeper than clients take it shows what they can.
    fn started(&mut self, mut event: Event, out: &mut Append) -> Frame {
        let mut ours = false;
        if let Event::RunStarted(started) = &mut event {
            started.protocol_version = Some(PROTOCOL_VERSION.to_owned());
            if started.input.is_none() {
                started.input = self.echo.take();
                ours = true;
            }
        }
        // Looked at before the event is used up: with its input it may be large.
        let shown = match &event {
            Event::RunStarted(started) => started.input.as_ref(),
            _ => None,
        };
        let ids: Vec<_> =
            shown.iter().flat_map(|input| &input.messages).map(|message| message.id().to_owned()).collect();
        let without = match &mut event {
            Event::RunStarted(started) if ours => {
                let input = started.input.take();
                let without = started.clone();
                started.input = input;
                Some(without)
            }
            _ => None,
        };
        let frame = Frame::new(self.next_seq, self.run, Emitted::from(event));
        let frame = match without.filter(|_| !can_be_read(&frame)) {
            None => frame,
            Some(without) => {
                let (thread_id, run_id, bytes) = (&*without.thread_id, &*without.run_id, frame.json.len());
                let reduced = self.reduced(&frame, &without);
                let kept = reduced.is_some();
                tracing::warn!(thread_id, run_id, bytes, kept, "an input is too large or too deep for its thread");
                match reduced {
                    Some(frame) => frame,
                    None => return Frame::new(self.next_seq, self.run, Emitted::from(without)),
                }
            }
        };
        out.message_ids.extend(ids);
        frame
    }

    /// A RUN_STARTED that is too large or too deep, with what can be kept of its input: first without the largest
    /// attachments, then with its messages alone.
    fn reduced(&self, frame: &Frame, without: &RunStarted) -> Option<Frame> {
        /// What is too deep is no event any more, but its input can still be taken out.
        #[derive(Deserialize)]
        struct Shown {
            input: Box<RunAgentInput>,
        }
        let Shown { mut input } = serde_json::from_slice(&frame.json).ok()?;
        let excess = frame.json.len().saturating_sub(limits::INPUT_ECHO_MAX);
        let steps: [fn(&mut RunAgentInput, usize); 2] = [input::lighten, |input, _| input::messages_only(input)];
        for step in steps {
            step(&mut input, excess);
            let event = RunStarted { input: Some(input.clone()), ..without.clone() };
            let frame = Frame::new(self.next_seq, self.run, Emitted::from(Event::from(event)));
            if can_be_read(&frame) {
                return Some(frame);
            }
        }
        None
    }
}

/// Whether clients take it, and whoever reads the log can walk it: the input lies a level deeper in the event than it was
/// sent.
fn can_be_read(frame: &Frame) -> bool {
    frame.json.len() <= limits::INPUT_ECHO_MAX && check_depth(&frame.json, limits::JSON_DEPTH).is_ok()
}
