//! New connections: name lookup, TCP and TLS by the libraries that make those of every other outbound request.

use super::StreamError;
use crate::client::{ClientError, ClientOptions, TCP_KEEPALIVE, Trust, guard, tls};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower::Service;

/// Makes connections to http and https origins.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector<Lookup>>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(options: &ClientOptions) -> Result<Self, ClientError> {
        let mut http = HttpConnector::new_with_resolver(Lookup { trust: options.trust });
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(TCP_KEEPALIVE));
        // Shared among the addresses of a name, so that one that does not answer leaves time for the next.
        http.set_connect_timeout(Some(options.connect_timeout));
        let inner = HttpsConnectorBuilder::new()
            .with_tls_config(tls::config().map_err(ClientError::Tls)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Self { inner, timeout: options.connect_timeout })
    }

    pub(super) async fn connect(&self, origin: Uri) -> Result<Socket, StreamError> {
        let mut connector = self.inner.clone();
        // A connector is ready at any time; it only has to be asked.
        let connecting = async {
            std::future::poll_fn(|cx| connector.poll_ready(cx)).await?;
            connector.call(origin).await
        };
        match tokio::time::timeout(self.timeout, connecting).await {
            Ok(Ok(stream)) => Ok(Socket(stream)),
            Ok(Err(error)) => Err(StreamError::connect(&*error)),
            Err(_) => Err(StreamError::connect_timeout()),
        }
    }
}

/// A name lookup, guarded for addresses that a request can influence.
#[derive(Clone, Copy)]
struct Lookup {
    trust: Trust,
}

impl Service<Name> for Lookup {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { trust } = *self;
        Box::pin(async move {
            let found = match trust {
                Trust::Untrusted => guard::lookup(name.as_str()).await?,
                Trust::Configured => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            Ok(found.into_iter())
        })
    }
}

/// A connected socket, with TLS for https.
pub(super) struct Socket(MaybeHttpsStream<TokioIo<TcpStream>>);

impl Socket {
    /// True while the peer has neither closed it nor sent anything. The system is asked: the runtime may not have heard
    /// yet.
    pub(super) fn is_quiet(&self) -> bool {
        let tcp = match &self.0 {
            MaybeHttpsStream::Http(tcp) => tcp.inner(),
            MaybeHttpsStream::Https(tls) => tls.inner().get_ref().0.inner().inner(),
        };
        let waits = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        SockRef::from(tcp).peek(&mut [MaybeUninit::uninit()]).as_ref().is_err_and(waits)
    }
}

impl Read for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }
}
