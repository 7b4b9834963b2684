//! Pages that agents make: open generative UI.
//!
//! A page that has been told of it by `/info` offers the agent a tool, `generateSandboxedUi`, whose arguments are HTML, CSS
//! and JavaScript. While they stream, the page is sent an activity that grows with them, and shows it in a frame that can
//! reach nothing.

mod call;

use super::{Feature, Middleware, Next};
use crate::agent::{AgentError, EventStream, RunContext};
use call::Call;
use copilotkit_protocol::{Code, Emitted, Event, EventKind, Expander, ProtocolError};
use futures::StreamExt as _;

/// The tool whose arguments are a page.
pub const GENERATE_TOOL: &str = "generateSandboxedUi";
/// The type of the activity that holds such a page.
pub const ACTIVITY: &str = "open-generative-ui";
/// The most calls of a run that are followed at once.
const CALLS: usize = 20;

/// Shows the pages that an agent makes while it makes them.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct GenerativeUi;

impl GenerativeUi {
    /// The middleware.
    pub fn new() -> Self {
        Self
    }
}

impl Middleware for GenerativeUi {
    fn run(&self, context: RunContext, next: Next) -> EventStream {
        let mut events = next.run(context);
        async_stream::stream! {
            let mut tracker = Tracker::default();
            let (mut expander, mut expanded, mut out) = (Expander::new(), Vec::new(), Vec::new());
            while let Some(item) = events.next().await {
                let grown = item.and_then(|event| {
                    let bad = |error: ProtocolError| AgentError::new(Code::AgentBadEvent, error.to_string());
                    expander.push(event, &mut expanded).map_err(bad)
                });
                for event in expanded.drain(..) {
                    tracker.take(event, &mut out);
                }
                if grown.is_err() {
                    tracker.cut_off(&mut out);
                }
                for event in out.drain(..) {
                    yield Ok(event);
                }
                if let Err(error) = grown {
                    yield Err(error);
                    return;
                }
            }
            tracker.cut_off(&mut out);
            for event in out.drain(..) {
                yield Ok(event);
            }
        }
        .boxed()
    }

    fn feature(&self) -> Option<Feature> {
        Some(Feature::OpenGenerativeUi)
    }
}

/// Follows the calls of a run that make pages.
#[derive(Default)]
struct Tracker(Vec<Call>);

impl Tracker {
    /// Takes an event; appends it to `out`, with what is to be shown before and behind it. The events of a call wait until
    /// there is something to show: pages draw the activity in place of the call.
    fn take(&mut self, event: Emitted, out: &mut Vec<Emitted>) {
        match event.kind() {
            EventKind::ToolCallStart => {
                if let Event::ToolCallStart(start) = &*event.event()
                    && start.tool_call_name == GENERATE_TOOL
                    && self.0.len() < CALLS
                {
                    self.0.push(Call::new(start.tool_call_id.clone(), event.clone()));
                    return;
                }
            }
            EventKind::ToolCallArgs => {
                if let Some(index) = self.followed(&event)
                    && let Some(call) = self.0.get_mut(index)
                {
                    return call.push(event, out);
                }
            }
            EventKind::ToolCallEnd => {
                if let Some(index) = self.followed(&event) {
                    return self.0.remove(index).end(Some(event), out);
                }
            }
            kind if kind.is_terminal() => self.cut_off(out),
            _ => {}
        }
        out.push(event);
    }

    fn followed(&self, event: &Emitted) -> Option<usize> {
        let id = event.head().id.as_deref()?;
        self.0.iter().position(|call| call.id() == id)
    }

    /// Calls that were not ended will not be: what they show is all there is.
    fn cut_off(&mut self, out: &mut Vec<Emitted>) {
        for call in self.0.drain(..) {
            call.end(None, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_protocol::{RunFinished, ToolCallArgs, ToolCallEnd, ToolCallStart};
    use serde_json::{Value, json};

    fn events(id: &str, pieces: &[&str], ends: bool) -> Vec<Event> {
        let tool_call_id = || id.to_owned();
        let tool_call_name = GENERATE_TOOL.to_owned();
        let start = ToolCallStart { tool_call_id: tool_call_id(), tool_call_name, ..Default::default() };
        let mut events: Vec<Event> = vec![start.into()];
        events.extend(pieces.iter().map(|piece| {
            Event::from(ToolCallArgs { tool_call_id: tool_call_id(), delta: (*piece).to_owned(), ..Default::default() })
        }));
        events.extend(ends.then(|| ToolCallEnd { tool_call_id: tool_call_id(), ..Default::default() }.into()));
        events
    }

    /// What comes out: kinds of events, and what activities say.
    fn run(events: Vec<Event>) -> Vec<Value> {
        let (mut tracker, mut out) = (Tracker::default(), Vec::new());
        for event in events {
            tracker.take(event.into(), &mut out);
        }
        tracker.cut_off(&mut out);
        let short = out.into_iter().map(|event| match event.into_event() {
            Event::ActivitySnapshot(activity) => activity.content.as_json().to_value(),
            Event::ActivityDelta(activity) => {
                let patch = activity.patch.as_json().to_value();
                assert_eq!(activity.message_id, "c-activity");
                json!([patch[0]["path"], patch[0]["value"]])
            }
            other => json!(other.kind().to_string()),
        });
        short.collect()
    }

    const START: &str = "TOOL_CALL_START";
    const ARGS: &str = "TOOL_CALL_ARGS";
    const END: &str = "TOOL_CALL_END";

    #[test]
    fn a_page_grows_with_the_arguments() {
        let pieces =
            ["{\"initialHeight\":", "300,\"html\":\"<p>\\u00", "e9\\n\",", "\"css\":null,\"other\":{\"html\":\"x\"}}"];
        let expected = [
            json!({ "generating": true, "initialHeight": 300 }),
            json!(START),
            json!(ARGS),
            json!(ARGS),
            json!(["/html", []]),
            json!(["/html/-", "<p>"]),
            json!(ARGS),
            json!(["/html/-", "\u{e9}\n"]),
            json!(["/htmlComplete", true]),
            json!(ARGS),
            json!(["/cssComplete", true]),
            json!(["/generating", false]),
            json!(END),
        ];
        assert_eq!(run(events("c", &pieces, true)), expected);
    }

    #[test]
    fn the_activity_begins_with_whatever_comes_first() {
        let found = run(events("c", &["{\"css\":\"b{}\",\"initialHeight\":9}"], true));
        let expected = [
            json!({ "generating": true }),
            json!(START),
            json!(ARGS),
            json!(["/css", "b{}"]),
            json!(["/cssComplete", true]),
            json!(["/initialHeight", 9]),
            json!(["/generating", false]),
            json!(END),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn lists_grow_item_by_item() {
        let pieces = ["{\"jsExpressions\":[\"f(", ")\",2,{\"no\":1}],\"placeholderMessages\":[]}"];
        let expected = [
            json!({ "generating": true }),
            json!(START),
            json!(ARGS),
            json!(["/jsExpressions", []]),
            json!(ARGS),
            json!(["/jsExpressions/-", "f()"]),
            json!(["/jsExpressions/-", "2"]),
            json!(["/jsExpressionsComplete", true]),
            json!(["/placeholderMessages", []]),
            json!(["/generating", false]),
            json!(END),
        ];
        assert_eq!(run(events("c", &pieces, true)), expected);
    }

    #[test]
    fn a_call_that_shows_nothing_stays_a_call() {
        assert_eq!(run(events("c", &["{}"], true)), [START, ARGS, END]);
        assert_eq!(run(events("c", &["not json"], true)), [START, ARGS, END]);
        assert_eq!(run(events("c", &[], false)), [START]);
    }

    #[test]
    fn a_page_that_is_cut_off_is_not_being_made_any_longer() {
        let mut all = events("c", &["{\"html\":\"<p>"], false);
        all.push(RunFinished::default().into());
        let found = run(all);
        assert_eq!(found[found.len() - 2..], [json!(["/generating", false]), json!("RUN_FINISHED")]);
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn a_page_that_is_too_long_is_shown_as_far_as_it_goes() {
        let long = "x".repeat(crate::limits::SURFACE_ARGUMENTS);
        let found = run(events("c", &["{\"html\":\"<p>", &long, &long, "\"}"], true));
        assert_eq!(found[found.len() - 2..], [json!(["/generating", false]), json!(END)]);
        assert!(found.contains(&json!(["/html/-", "<p>"])));
        assert_eq!(found.iter().filter(|event| **event == json!(ARGS)).count(), 4);
    }
}
