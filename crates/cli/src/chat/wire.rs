//! The way to a server: over the network, or to one in this process. Both are asked by the same requests.

use anyhow::{Context as _, Result, anyhow, bail};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use copilotkit_runtime::client::{self, ClientOptions, Trust};
use copilotkit_runtime::http::Surface;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use std::error::Error as _;
use std::time::Duration;
use tokio::time::timeout;

/// The longest wait for the head of an answer. A run's begins at once; a thread that is busy may be waited for.
const HEAD: Duration = Duration::from_secs(90);
/// The longest silence of a stream. Runtimes send comments in between.
const SILENCE: Duration = Duration::from_secs(330);
/// The largest answer that is no stream, in bytes.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// Requests go here.
pub(super) enum Wire {
    /// A surface in this process, mounted at the root.
    Local(Surface),
    /// A server elsewhere.
    Remote(Remote),
}

/// A server elsewhere.
pub(super) struct Remote {
    client: reqwest::Client,
    /// As it was given.
    url: String,
    token: Option<HeaderValue>,
}

/// The head of an answer, and its body.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// Whether the body is a stream of events.
    pub(super) is_stream: bool,
    pub(super) body: BoxStream<'static, Result<Bytes>>,
}

impl Wire {
    /// A server at an address, asked with a bearer token if there is one.
    pub(super) fn to(url: &str, token: Option<String>) -> Result<Self> {
        client::check_url(url, Trust::Configured)
            .with_context(|| format!("--url {url}: write a whole address, like http://127.0.0.1:8000/copilotkit"))?;
        let options = ClientOptions { environment_proxies: true, ..ClientOptions::default() };
        let client = client::build(&options)?;
        let token = token.map(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
                .map_err(|_| anyhow!("the token has characters that no header may have"))?;
            value.set_sensitive(true);
            anyhow::Ok(value)
        });
        Ok(Self::Remote(Remote { client, url: url.to_owned(), token: token.transpose()? }))
    }

    /// Where it is, for people.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Local(_) => "this process".to_owned(),
            Self::Remote(remote) => remote.url.clone(),
        }
    }

    /// The same, behind the name of an agent.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Local(_) => "in this process".to_owned(),
            Self::Remote(remote) => format!("at {}", remote.url),
        }
    }

    /// Sends a request to the server's address, or below it, and waits for the head of its answer.
    pub(super) async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Reply> {
        let answering = async {
            match self {
                Self::Local(surface) => local(surface, method, path, body).await,
                Self::Remote(remote) => remote.send(method, path, body).await,
            }
        };
        let mut reply = timeout(HEAD, answering)
            .await
            .map_err(|_| anyhow!("{} did not answer within {} s", self.name(), HEAD.as_secs()))??;
        // A silence ends the stream: nothing would tell otherwise that the peer is gone.
        let silence = futures::stream::unfold(reply.body, |mut body| async {
            match timeout(SILENCE, body.next()).await {
                Ok(piece) => piece.map(|piece| (piece, body)),
                Err(_) => {
                    let error = anyhow!("the server was silent for {} s", SILENCE.as_secs());
                    Some((Err(error), futures::stream::empty().boxed()))
                }
            }
        });
        reply.body = silence.boxed();
        Ok(reply)
    }
}

impl Remote {
    async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Reply> {
        let url = if path.is_empty() { self.url.clone() } else { format!("{}{path}", self.url.trim_end_matches('/')) };
        let mut request = self.client.request(method, &url).header(ACCEPT, "text/event-stream, application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| plain(&url, &error))?;
        let name = url.clone();
        Ok(Reply {
            status: response.status(),
            is_stream: is_stream(response.headers().get(CONTENT_TYPE)),
            body: response.bytes_stream().map_err(move |error| plain(&name, &error)).boxed(),
        })
    }
}

/// An error of the client in one line, with the cause that says what happened.
pub(crate) fn plain(url: &str, error: &reqwest::Error) -> anyhow::Error {
    let mut cause = error.source();
    let mut last = error.to_string();
    while let Some(source) = cause {
        last = source.to_string();
        cause = source.source();
    }
    // Its own text repeats the address, which may hold a password.
    let host = url::Url::parse(url).ok().map_or_else(
        || "the server".to_owned(),
        |url| format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default()),
    );
    match error {
        error if error.is_timeout() => anyhow!("{host} did not answer in time"),
        error if error.is_connect() => anyhow!("{host} cannot be reached: {last}"),
        _ => anyhow!("the answer of {host} broke off: {last}"),
    }
}

async fn local(surface: &Surface, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Reply> {
    let request = Request::builder()
        .method(method)
        .uri(if path.is_empty() { "/" } else { path })
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(body.map_or_else(Body::empty, Body::from))
        .context("not a path")?;
    let response = surface.handle(request).await;
    Ok(Reply {
        status: response.status(),
        is_stream: is_stream(response.headers().get(CONTENT_TYPE)),
        body: response.into_body().into_data_stream().map_err(anyhow::Error::new).boxed(),
    })
}

fn is_stream(content_type: Option<&HeaderValue>) -> bool {
    content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| value.starts_with("text/event-stream"))
}

impl Reply {
    /// The whole body.
    pub(super) async fn bytes(mut self) -> Result<Bytes> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.body.next().await {
            all.extend_from_slice(&piece?);
            if all.len() > ANSWER_MAX {
                bail!("the answer is larger than {} MiB", ANSWER_MAX >> 20)
            }
        }
        Ok(all.freeze())
    }
}
