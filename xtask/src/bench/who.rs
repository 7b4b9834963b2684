//! Whose servers are measured, and what they say when they start.

use std::time::Duration;

/// Whose server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// `copilotkit serve`, the release build.
    Ours,
    /// A bare axum handler that forwards what hyper's pooled client brings, unread.
    Relay,
    /// A bare axum handler that writes bytes that are ready.
    Bare,
    /// The reference runtime on Node.
    Node,
    /// A relay in FastAPI, of ours.
    Python,
    /// No server: the load asks the upstream itself.
    Direct,
}

impl Who {
    /// How long it is warmed up. What compiles while it runs needs its time.
    pub(crate) fn warm_up(self) -> Duration {
        Duration::from_millis(if matches!(self, Self::Node | Self::Python) { 3_000 } else { 750 })
    }

    /// As the tables name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Relay => "relay",
            Self::Bare => "bare",
            Self::Node => "node",
            Self::Python => "python",
            Self::Direct => "direct",
        }
    }
}

/// The port in a line such as `listening on http://127.0.0.1:8000`.
pub(crate) fn port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("http://")?;
    let (_, rest) = rest.split_once(':')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_found() {
        assert_eq!(port("listening on http://127.0.0.1:8123\n"), Some(8123));
        assert_eq!(port("INFO: Uvicorn running on http://127.0.0.1:9 (Press CTRL+C)"), Some(9));
        assert_eq!(port("copilotkit 0.1.0"), None);
        assert_eq!(port("http://nowhere"), None);
    }
}
