//! From what an agent emits to frames: expand chunks, repair, verify, encode once.

use crate::lifecycle::LifecycleOptions;
use crate::store::{Append, Frame, Lease};
use copilotkit_protocol::{
    Emitted, End, Event, EventKind, Expander, PROTOCOL_VERSION, Repair, RepairOptions, RunAgentInput, Verifier,
};

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
    finished: bool,
    expanded: Vec<Emitted>,
    repaired: Vec<Emitted>,
}

/// Why a run must end now.
pub(super) struct Overrun {
    pub(super) code: &'static str,
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
    /// When the run must end: a chunk that cannot be expanded, or a bound.
    pub(super) fn push(&mut self, emitted: Emitted, out: &mut Append) -> Result<(), Overrun> {
        let expanded = self.expander.push(emitted, &mut self.expanded);
        for item in self.expanded.drain(..) {
            self.repair.push(item, &mut self.repaired);
        }
        self.frame(out)?;
        expanded.map_err(|error| Overrun { code: "agent_bad_event", message: error.to_string() })
    }

    /// Ends the run: closes what is open and makes the terminal event if there was none.
    pub(super) fn finish(&mut self, end: End, out: &mut Append) {
        if self.finished {
            return;
        }
        self.repair.finish(end, &mut self.repaired);
        // The bounds do not hold for the few events that end a run.
        (self.max_events, self.max_bytes) = (u64::MAX, usize::MAX);
        if self.frame(out).is_err() || !self.finished {
            tracing::error!(run = self.run, "the run ended without a terminal event after repair");
        }
    }

    fn frame(&mut self, out: &mut Append) -> Result<(), Overrun> {
        let mut repaired = std::mem::take(&mut self.repaired);
        let mut result = Ok(());
        for item in repaired.drain(..) {
            result = self.frame_one(item, out);
            if result.is_err() {
                break;
            }
        }
        repaired.clear();
        self.repaired = repaired;
        result
    }

    fn frame_one(&mut self, item: Emitted, out: &mut Append) -> Result<(), Overrun> {
        if let Err(error) = self.verifier.check(&item) {
            // Repair exists so that this cannot happen.
            tracing::error!(%error, kind = %item.kind(), "a repaired event does not verify");
            return Err(Overrun {
                code: "internal_error",
                message: "The server could not order the agent's events.".into(),
            });
        }
        let item = if item.kind() == EventKind::RunStarted { self.enrich(item) } else { item };
        if let EventKind::TextMessageStart
        | EventKind::ToolCallResult
        | EventKind::ReasoningMessageStart
        | EventKind::ActivitySnapshot = item.kind()
        {
            out.message_ids.extend(item.head().id.clone());
        }
        let frame = Frame::new(self.next_seq, self.run, item);
        self.events += 1;
        self.bytes += frame.size();
        if self.events > self.max_events && !frame.kind.is_terminal() {
            let message = format!("The run was ended: it has more than {} events.", self.max_events);
            return Err(Overrun { code: "run_too_many_events", message });
        }
        if self.bytes > self.max_bytes && !frame.kind.is_terminal() {
            let message = format!("The run was ended: its events are larger than {} bytes.", self.max_bytes);
            return Err(Overrun { code: "run_too_large", message });
        }
        self.next_seq += 1;
        self.finished |= frame.kind.is_terminal();
        out.frames.push(frame);
        Ok(())
    }

    /// RUN_STARTED shows what the run was started with, unless the agent says it itself, and declares our version.
    fn enrich(&mut self, item: Emitted) -> Emitted {
        let mut event = item.into_event();
        if let Event::RunStarted(started) = &mut event {
            if started.input.is_none() {
                started.input = self.echo.take();
            }
            started.protocol_version = Some(PROTOCOL_VERSION.to_owned());
        }
        Emitted::from(event)
    }
}
