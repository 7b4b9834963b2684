//! Connections that wait for their next request.

use super::connect::Socket;
use http::{HeaderMap, Uri};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Connections that one client keeps, whatever they lead to. More would only hold file descriptors.
const IDLE_MAX: usize = 64;
/// How long a connection is kept at most: shorter than the minute after which common balancers forget one without a
/// word.
const IDLE: Duration = Duration::from_secs(55);
/// How long one without TLS is kept whose peer does not say how long it keeps its own: common servers of agents close
/// after 5 s, and a request that meets the closing is lost. A new connection of this kind costs little.
const IDLE_PLAIN: Duration = Duration::from_secs(4);
/// How long before the peer's own limit a connection is let go.
const MARGIN: Duration = Duration::from_secs(1);

/// The connections of one client that nobody uses.
#[derive(Default)]
pub(super) struct Pool {
    /// The one that was used last is at the end.
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    origin: Uri,
    socket: Socket,
    until: Instant,
}

impl Pool {
    /// A connection that is open as far as can be seen, the last used first.
    pub(super) fn take(&self, origin: &Uri) -> Option<Socket> {
        let now = Instant::now();
        loop {
            let found = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                idle.retain(|idle| idle.until > now);
                let index = idle.iter().rposition(|idle| idle.origin == *origin)?;
                idle.remove(index)
            };
            if found.socket.is_quiet() {
                return Some(found.socket);
            }
        }
    }

    fn park(&self, origin: Uri, socket: Socket, keep: Duration) {
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| idle.until > now);
        if idle.len() >= IDLE_MAX {
            idle.remove(0);
        }
        idle.push(Idle { origin, socket, until: now + keep });
    }
}

/// Where a connection goes when it is not needed any more.
pub(super) struct Home {
    pub(super) pool: Arc<Pool>,
    pub(super) origin: Uri,
    pub(super) keep: Duration,
}

impl Home {
    pub(super) fn park(&self, socket: Socket) {
        if !self.keep.is_zero() {
            self.pool.park(self.origin.clone(), socket, self.keep);
        }
    }
}

/// How long the connection of this answer may wait for its next request.
pub(super) fn idle_limit(origin: &Uri, headers: &HeaderMap) -> Duration {
    let hint = headers
        .get("keep-alive")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(',').find_map(|part| part.trim().strip_prefix("timeout=")?.parse().ok()))
        .map(Duration::from_secs);
    match hint {
        Some(hint) => hint.saturating_sub(MARGIN).min(IDLE),
        None if origin.scheme_str() == Some("https") => IDLE,
        None => IDLE_PLAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_peer_says_how_long_a_connection_is_kept() {
        let limit = |scheme: &str, hint: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(hint) = hint {
                headers.insert("keep-alive", HeaderValue::from_static(hint));
            }
            idle_limit(&format!("{scheme}://h/").parse().unwrap(), &headers).as_secs()
        };
        assert_eq!(limit("http", None), 4);
        assert_eq!(limit("https", None), 55);
        assert_eq!(limit("http", Some("timeout=5")), 4);
        assert_eq!(limit("http", Some("max=100, timeout=30")), 29);
        assert_eq!(limit("https", Some("timeout=600")), 55);
        assert_eq!(limit("https", Some("timeout=1")), 0);
        assert_eq!(limit("http", Some("timeout=soon")), 4);
    }
}
