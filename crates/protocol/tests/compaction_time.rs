//! Compaction takes time in proportion to what it compacts.

use copilotkit_protocol::{Event, build, compact};
use std::sync::OnceLock;
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

/// Time that this thread was on a processor, which other load on the machine does not lengthen; where the system does not
/// tell it, time that passed.
fn clock() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let on_processor = told.and_then(|text| text.split_whitespace().next()?.parse().ok()).map(Duration::from_nanos);
    on_processor.unwrap_or_else(|| START.get_or_init(Instant::now).elapsed())
}

/// The best of several, which noise disturbs least. Each is as long as many ticks of that clock.
fn time(messages: usize, repeats: u32) -> Duration {
    let events = run(messages);
    let once = || {
        let copies = vec![events.clone(); repeats as usize];
        let start = clock();
        for events in copies {
            assert!(compact(events).len() < messages * 8);
        }
        clock().saturating_sub(start) / repeats
    };
    (0..4).map(|_| once()).min().unwrap_or_default()
}

#[test]
fn ten_times_the_events_take_ten_times_as_long() {
    let (small, large) = (time(100, 40), time(1000, 4));
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    println!("{small:?} for 4,600 events, {large:?} for 46,000: {ratio:.1} times");
    // Quadratic would be a hundred; the rest is room for a busy machine.
    assert!(ratio < 20.0, "{ratio}");
}
