//! Compaction takes time in proportion to what it compacts.

use copilotkit_protocol::{Event, build, compact};
use std::time::{Duration, Instant};

fn run(messages: usize) -> Vec<Event> {
    let one = |at: usize| {
        let [start, content, end] = build::message(format!("m-{at}"), "and the next few words");
        let deltas = vec![content; 40];
        let call = build::tool_call(format!("c-{at}"), "search", "x");
        std::iter::once(start).chain(deltas).chain([end]).chain(call).chain([build::state(&at)])
    };
    (0..messages).flat_map(one).collect()
}

/// The best of several, which noise disturbs least.
fn time(messages: usize) -> Duration {
    let events = run(messages);
    let once = || {
        let events = events.clone();
        let start = Instant::now();
        assert!(compact(events).len() < messages * 8);
        start.elapsed()
    };
    (0..7).map(|_| once()).min().unwrap_or_default()
}

#[test]
fn ten_times_the_events_take_ten_times_as_long() {
    let (small, large) = (time(100), time(1000));
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    println!("{small:?} for 4,600 events, {large:?} for 46,000: {ratio:.1} times");
    // Quadratic would be a hundred; the rest is room for a busy machine.
    assert!(ratio < 40.0, "{ratio}");
}
