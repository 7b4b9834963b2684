//! Waits that are taken up again for every event, and so must cost little each time.

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use futures::{FutureExt as _, task::Poll};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// What may interrupt a wait. Each future is looked at only when it woke, not whenever something else did: tokens and
/// timers take a lock for every look.
pub(crate) struct Interrupts<T>(FuturesUnordered<BoxFuture<'static, T>>);

impl<T> Interrupts<T> {
    pub(crate) fn new() -> Self {
        Self(FuturesUnordered::new())
    }

    pub(crate) fn add(&mut self, interrupt: impl Future<Output = T> + Send + 'static) {
        self.0.push(interrupt.boxed());
    }

    /// The next one that happens; never, when there is none left.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        match self.0.poll_next_unpin(cx) {
            Poll::Ready(Some(happened)) => Poll::Ready(happened),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

/// A deadline that every sign of life moves back. The timer under it is set anew only when it fires too early.
pub(crate) struct Patience {
    until: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        let sleep = Box::pin(tokio::time::sleep(limit));
        Self { until: sleep.deadline(), sleep }
    }

    /// Gives it `limit` from now.
    pub(crate) fn renew(&mut self, limit: Duration) {
        // As `sleep` does for what lies beyond the clock.
        self.until = Instant::now().checked_add(limit).unwrap_or_else(|| self.sleep.deadline());
        if self.until < self.sleep.deadline() {
            self.sleep.as_mut().reset(self.until);
        }
    }

    /// Ready once it is exhausted.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            if self.sleep.deadline() >= self.until {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(self.until);
        }
    }

    /// Waits until it is exhausted.
    pub(crate) async fn exhausted(&mut self) {
        std::future::poll_fn(|cx| self.poll(cx)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio_util::sync::CancellationToken;

    #[tokio::test(start_paused = true)]
    async fn patience_ends_after_the_last_sign_of_life() {
        let began = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(10));
        for _ in 0..3 {
            assert!(tokio::time::timeout(Duration::from_secs(6), patience.exhausted()).await.is_err());
            patience.renew(Duration::from_secs(10));
        }
        patience.exhausted().await;
        assert_eq!(began.elapsed().as_secs(), 28);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_can_be_cut() {
        let began = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(300));
        assert!(patience.exhausted().now_or_never().is_none());
        patience.renew(Duration::from_secs(1));
        patience.exhausted().await;
        assert_eq!(began.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn interrupts_happen_once_each() {
        let token = CancellationToken::new();
        let mut interrupts = Interrupts::new();
        interrupts.add(token.clone().cancelled_owned().map(|()| 'a'));
        interrupts.add(tokio::time::sleep(Duration::from_secs(1)).map(|()| 'b'));
        assert!(poll_fn(|cx| interrupts.poll(cx)).now_or_never().is_none());
        token.cancel();
        assert_eq!(poll_fn(|cx| interrupts.poll(cx)).await, 'a');
        assert_eq!(poll_fn(|cx| interrupts.poll(cx)).await, 'b');
        assert!(poll_fn(|cx| interrupts.poll(cx)).now_or_never().is_none());
    }
}
