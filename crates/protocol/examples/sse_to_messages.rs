//! Turns the body of a run, as it was recorded from a server, into the messages and the state that a page would hold.
//!
//! `cargo run -p copilotkit-protocol --example sse_to_messages [FILE]`; without a file, the sample beside this one.

use copilotkit_protocol::{Applied, Emitted, Expander, Verifier, sse, to_vec};
use std::error::Error;
use std::io::Read as _;

/// The largest event that is taken, in bytes.
const MAX_EVENT: usize = 10 * 1024 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/weather.sse");
    let path = std::env::args().nth(1).unwrap_or_else(|| sample.to_owned());
    let mut file = std::fs::File::open(&path).map_err(|error| format!("{path}: {error}"))?;

    let mut decoder = sse::Decoder::new(MAX_EVENT);
    let mut page = Page::default();
    let mut piece = vec![0; 16 * 1024];
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            break;
        }
        decoder.push(piece.get(..length).unwrap_or_default().to_vec().into());
        for event in decoder.by_ref() {
            page.take(event?)?;
        }
    }
    while let Some(event) = decoder.finish() {
        page.take(event?)?;
    }

    for message in page.applied.messages() {
        println!("{}", String::from_utf8(to_vec(message))?);
    }
    println!("state: {}", page.applied.state().get());
    if !page.verifier.is_ended() {
        return Err("the stream ended before its run did".into());
    }
    Ok(())
}

/// What a client does with a stream.
#[derive(Default)]
struct Page {
    expander: Expander,
    verifier: Verifier,
    applied: Applied,
}

impl Page {
    fn take(&mut self, event: sse::SseEvent) -> Result<(), Box<dyn Error>> {
        let mut events = Vec::new();
        self.expander.push(Emitted::from_json(event.data)?, &mut events)?;
        for event in events {
            self.verifier.check(&event)?;
            self.applied.apply(&event.event());
        }
        Ok(())
    }
}
