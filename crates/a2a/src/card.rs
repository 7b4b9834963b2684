//! Finding an agent's card, and keeping it.

mod choice;
mod fetch;

pub use choice::{Dialect, spoken_interfaces};

use crate::error::A2aError;
use crate::limits;
use crate::types::{AgentCard, Interface};
use choice::choose;
pub(crate) use fetch::innermost;
use fetch::{Fetched, Fetcher};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use url::Url;

/// A card, and how its agent is spoken to.
#[derive(Clone, Debug)]
pub struct KnownCard {
    /// The card.
    pub card: AgentCard,
    /// Where it was found.
    pub url: String,
    /// The interfaces that are spoken and allowed, the chosen one first.
    pub interfaces: Vec<(Interface, Dialect)>,
}

impl KnownCard {
    /// The interface that calls go to.
    pub fn interface(&self) -> Option<&(Interface, Dialect)> {
        self.interfaces.first()
    }

    /// True when the agent says that it streams.
    pub fn streams(&self) -> bool {
        self.card.capabilities.streaming == Some(true)
    }

    /// The extension whose address begins with `prefix`, if the agent offers it.
    pub fn extension(&self, prefix: &str) -> Option<&str> {
        let mut offered = self.card.capabilities.extensions.iter().map(|extension| extension.uri.as_str());
        offered.find(|uri| uri.starts_with(prefix))
    }
}

/// Where a card is looked for, and who may be spoken to for it.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Base of the agent, or the card itself.
    pub(crate) url: Url,
    /// Origins besides the card's own that its interfaces may have.
    pub(crate) allowed_origins: Vec<String>,
    /// Extensions that are understood, by the beginning of their addresses.
    pub(crate) extensions: Vec<String>,
}

type Flight = Shared<BoxFuture<'static, Result<Arc<KnownCard>, A2aError>>>;

/// One card, fetched once for all who need it at the same time, and again when it has grown old.
pub(crate) struct CardCache {
    inner: Arc<Inner>,
}

struct Inner {
    fetcher: Fetcher,
    policy: Policy,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    flight: Option<Flight>,
    failed: Option<(Instant, A2aError)>,
}

#[derive(Clone)]
struct Kept {
    card: Arc<KnownCard>,
    etag: Option<String>,
    fresh_until: Instant,
}

impl CardCache {
    pub(crate) fn new(http: reqwest::Client, headers: http::HeaderMap, policy: Policy) -> Self {
        let fetcher = Fetcher::new(http, headers, policy.url.clone());
        Self { inner: Arc::new(Inner { fetcher, policy, state: Mutex::default() }) }
    }

    /// The card: the kept one while it is fresh, else what the agent shows now. One that has grown old is better than none.
    pub(crate) async fn get(&self) -> Result<Arc<KnownCard>, A2aError> {
        let flight = {
            let mut state = self.inner.state();
            let now = Instant::now();
            if let Some(kept) = &state.kept
                && now < kept.fresh_until
            {
                return Ok(kept.card.clone());
            }
            if let Some((at, error)) = &state.failed
                && now.duration_since(*at) < limits::CARD_RETRY
                && state.flight.is_none()
            {
                return Err(error.clone());
            }
            match &state.flight {
                Some(flight) => flight.clone(),
                None => {
                    let flight = refresh(self.inner.clone()).boxed().shared();
                    state.flight = Some(flight.clone());
                    flight
                }
            }
        };
        flight.await
    }

    /// The card that is kept, fresh or not.
    pub(crate) fn kept(&self) -> Option<Arc<KnownCard>> {
        self.inner.state().kept.as_ref().map(|kept| kept.card.clone())
    }

    /// From here on another interface is spoken to first: the agent refused this version.
    pub(crate) fn prefer_next_interface(&self) {
        let mut state = self.inner.state();
        if let Some(kept) = &mut state.kept {
            let mut card = (*kept.card).clone();
            card.interfaces.rotate_left(1);
            kept.card = Arc::new(card);
        }
    }

    /// Puts a longer card in the place of the public one, until that is fetched again.
    pub(crate) fn replace(&self, card: AgentCard) -> Result<Arc<KnownCard>, A2aError> {
        let url = self.inner.policy.url.clone();
        let known = Arc::new(choose(card, &url, &self.inner.policy)?);
        let mut state = self.inner.state();
        let fresh_until =
            state.kept.as_ref().map_or_else(|| Instant::now() + limits::CARD_AGE, |kept| kept.fresh_until);
        state.kept = Some(Kept { card: known.clone(), etag: None, fresh_until });
        Ok(known)
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever polls it drives it: it goes on when one of those who wait for it leaves.
async fn refresh(inner: Arc<Inner>) -> Result<Arc<KnownCard>, A2aError> {
    let before = inner.state().kept.clone();
    let etag = before.as_ref().and_then(|kept| kept.etag.clone());
    let fetched = match tokio::time::timeout(limits::CARD_TIMEOUT, inner.fetcher.fetch(etag.as_deref())).await {
        Ok(fetched) => fetched,
        Err(_) => {
            let reason = format!("did not come within {:?}", limits::CARD_TIMEOUT);
            Err(A2aError::Card { url: shown(&inner.policy.url), reason, retryable: true })
        }
    };
    let result = match fetched {
        Ok(Fetched::Same { age }) => match before.clone() {
            Some(kept) => Ok(Kept { fresh_until: until(age), ..kept }),
            None => Err(A2aError::Card {
                url: shown(&inner.policy.url),
                reason: "is said to be unchanged, though it was never seen".to_owned(),
                retryable: true,
            }),
        },
        Ok(Fetched::Card { card, url, etag, age }) => {
            choose(*card, &url, &inner.policy).map(|card| Kept { card: Arc::new(card), etag, fresh_until: until(age) })
        }
        Err(error) => Err(error),
    };
    let mut state = inner.state();
    state.flight = None;
    match result {
        Ok(kept) => {
            let card = kept.card.clone();
            state.kept = Some(kept);
            state.failed = None;
            Ok(card)
        }
        Err(error) => match state.kept.as_mut().filter(|_| error.is_retryable()) {
            Some(kept) => {
                tracing::warn!(%error, "an agent's card could not be fetched again; the old one is used");
                kept.fresh_until = Instant::now() + limits::CARD_RETRY;
                Ok(kept.card.clone())
            }
            None => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        },
    }
}

fn until(age: Option<Duration>) -> Instant {
    Instant::now() + age.unwrap_or(limits::CARD_AGE).min(limits::CARD_AGE_MAX)
}

/// An address as people may see it: without user, password, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    let mut plain = url.clone();
    // Both fail only for addresses without a host.
    let _ = plain.set_username("").and_then(|()| plain.set_password(None));
    plain.set_query(None);
    plain.set_fragment(None);
    plain.into()
}

impl fmt::Debug for CardCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardCache").field("url", &shown(&self.inner.policy.url)).finish_non_exhaustive()
    }
}
