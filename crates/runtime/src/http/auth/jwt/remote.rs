//! Keys at an address, kept up to date by one task.

use super::super::Denied;
use super::keys::KeySet;
use super::{JwtError, JwtKeyOptions};
use crate::client::{self, ClientOptions, Trust};
use crate::limits;
use http::header::{ACCEPT, HeaderValue};
use jsonwebtoken::Algorithm;
use std::error::Error;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use url::Url;

/// The keys of an address.
pub(super) struct Remote {
    state: watch::Receiver<State>,
    ask: Arc<Notify>,
    options: JwtKeyOptions,
    /// Ends with this value.
    _task: JoinSet<()>,
}

/// What is known.
#[derive(Clone, Default)]
struct State {
    /// The last keys that came.
    keys: Option<Arc<KeySet>>,
    /// When they were last asked for, whatever came of it.
    asked: Option<Instant>,
}

struct Source {
    client: reqwest::Client,
    url: Url,
    algorithms: Vec<Algorithm>,
    options: JwtKeyOptions,
}

impl Remote {
    /// Begins to fetch.
    pub(super) fn start(url: &str, algorithms: Vec<Algorithm>, options: JwtKeyOptions) -> Result<Self, JwtError> {
        let runtime = Handle::try_current().map_err(|_| JwtError::NoRuntime)?;
        let url = client::check_url(url, Trust::Configured)?;
        let client = client::build(&ClientOptions {
            connect_timeout: options.deadline,
            read_timeout: Some(options.deadline),
            ..ClientOptions::default()
        })?;
        let (sender, state) = watch::channel(State::default());
        let ask = Arc::new(Notify::new());
        let mut task = JoinSet::new();
        let source = Source { client, url, algorithms, options };
        task.spawn_on(keep(source, sender, ask.clone()), &runtime);
        Ok(Self { state, ask, options, _task: task })
    }

    /// The keys for a token. Unless they hold one for it, they are fetched again, if that was not done just now.
    pub(super) async fn for_token(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<KeySet>, Denied> {
        let mut state = self.state.clone();
        let State { keys, asked } = state.borrow_and_update().clone();
        let fits = |keys: &KeySet| keys.candidates(id, algorithm).next().is_some();
        if let Some(keys) = keys.filter(|keys| fits(keys)) {
            return Ok(keys);
        }
        if asked.is_none_or(|asked| asked.elapsed() >= self.options.spacing) {
            self.ask.notify_one();
            // Whatever comes of it, the state says so.
            let _ = timeout(self.options.deadline, state.changed()).await;
        }
        let keys = state.borrow().keys.clone();
        keys.ok_or_else(|| Denied::unavailable().because("the keys of tokens could not be fetched yet"))
    }
}

/// Fetches the keys at once, whenever they are old, and when they are asked for.
async fn keep(source: Source, state: watch::Sender<State>, ask: Arc<Notify>) {
    let mut failing = false;
    loop {
        let fetched = timeout(source.options.deadline, source.fetch()).await;
        let now = Instant::now();
        let fetched = fetched.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let failed = fetched.is_err();
        match &fetched {
            Ok(_) if failing => tracing::info!(host = source.host(), "the keys of tokens can be fetched again"),
            Ok(_) => {}
            // It may be down for hours: once is enough.
            Err(reason) if failing => tracing::debug!(host = source.host(), reason, "still no keys of tokens"),
            Err(reason) => {
                let held = state.borrow().keys.is_some();
                tracing::warn!(host = source.host(), reason, held, "the keys of tokens could not be fetched");
            }
        }
        failing = failed;
        state.send_modify(|state| {
            state.asked = Some(now);
            if let Ok(keys) = fetched {
                state.keys = Some(Arc::new(keys));
            }
        });
        let earliest = now + source.options.spacing;
        sleep_until(earliest).await;
        if !failed {
            tokio::select! {
                () = sleep_until(now + source.options.refresh) => {}
                () = ask.notified() => {}
            }
        }
    }
}

impl Source {
    async fn fetch(&self) -> Result<KeySet, String> {
        let request = self.client.get(self.url.clone()).header(ACCEPT, HeaderValue::from_static("application/json"));
        let mut response = request.send().await.map_err(|error| reason(&error))?;
        if response.status() != http::StatusCode::OK {
            return Err(format!("the answer is {}", response.status()));
        }
        let mut text = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| reason(&error))? {
            if text.len() + piece.len() > limits::JWKS_BYTES {
                return Err(format!("the key set is larger than {} bytes", limits::JWKS_BYTES));
            }
            text.extend_from_slice(&piece);
        }
        KeySet::read(&text, self.algorithms.clone())
    }

    /// The address may carry a password.
    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

/// What happened, without the address.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
