//! Several models of which the next is tried when one cannot answer.

use copilotkit_runtime::model::ModelTraits;
use copilotkit_runtime::{Model, ModelRequest, ModelStream};
use futures::stream::{self, StreamExt as _};
use std::fmt;
use std::sync::Arc;

/// A model that is several: a call goes to the first, and to the next one when that fails before its first event for a
/// reason that may pass: a rate limit, an overload, the network, silence. What a model said is never taken back, and an
/// error that another model would not mend (a wrong key, a wrong request) is told at once.
///
/// Each model tries again by its own rule before the next one is asked; usage names the one that answered.
///
/// ```
/// use copilotkit_adapters::{DemoModel, Fallback};
/// use copilotkit_runtime::Model;
/// use std::sync::Arc;
///
/// let model = Fallback::new(Arc::new(DemoModel::default()), [Arc::new(DemoModel::default()) as Arc<dyn Model>]);
/// assert_eq!(model.name(), "demo");
/// ```
#[derive(Clone)]
pub struct Fallback {
    first: Arc<dyn Model>,
    others: Arc<[Arc<dyn Model>]>,
}

impl Fallback {
    /// These models in this order.
    pub fn new(first: Arc<dyn Model>, others: impl IntoIterator<Item = Arc<dyn Model>>) -> Self {
        Self { first, others: others.into_iter().collect() }
    }
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = std::iter::once(&self.first).chain(&*self.others).map(|model| model.name());
        f.debug_list().entries(names).finish()
    }
}

impl Model for Fallback {
    fn stream(&self, request: ModelRequest) -> ModelStream {
        let this = self.clone();
        let answer = async move {
            let mut model = this.first;
            let mut others = this.others.iter();
            loop {
                let mut stream = model.stream(request.clone());
                let first = stream.next().await;
                if let Some(Err(error)) = &first
                    && error.kind.is_retryable()
                    && !request.cancel.is_cancelled()
                    && let Some(next) = others.next()
                {
                    tracing::warn!(model = model.name(), next = next.name(), %error, "the next model is tried");
                    model = Arc::clone(next);
                    continue;
                }
                return stream::iter(first).chain(stream);
            }
        };
        stream::once(answer).flatten().boxed()
    }

    fn provider(&self) -> &str {
        self.first.provider()
    }

    fn name(&self) -> &str {
        self.first.name()
    }

    fn traits(&self) -> ModelTraits {
        self.first.traits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_protocol::TokenUsage;
    use copilotkit_runtime::model::{FinishReason, ModelError, ModelErrorKind, ModelEvent};
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Scripted(Vec<Result<ModelEvent, ModelErrorKind>>, AtomicUsize);

    impl Model for Scripted {
        fn stream(&self, _: ModelRequest) -> ModelStream {
            self.1.fetch_add(1, Ordering::SeqCst);
            let item =
                |item: &Result<ModelEvent, ModelErrorKind>| item.clone().map_err(|kind| ModelError::new(kind, "no"));
            stream::iter(self.0.iter().map(item).collect::<Vec<_>>()).boxed()
        }

        fn provider(&self) -> &str {
            "scripted"
        }

        fn name(&self) -> &str {
            "m"
        }
    }

    fn scripted(items: Vec<Result<ModelEvent, ModelErrorKind>>) -> Arc<Scripted> {
        Arc::new(Scripted(items, AtomicUsize::new(0)))
    }

    fn good() -> Arc<Scripted> {
        let finish = ModelEvent::Finish { reason: FinishReason::Stop, usage: TokenUsage::default() };
        scripted(vec![Ok(ModelEvent::TextStart { id: None }), Ok(finish)])
    }

    /// How many events came, the error's kind, and how often the second model was asked.
    async fn run(first: Vec<Result<ModelEvent, ModelErrorKind>>) -> (usize, Option<ModelErrorKind>, usize) {
        let second = good();
        let model = Fallback::new(scripted(first), [Arc::clone(&second) as Arc<dyn Model>]);
        let items: Vec<_> = model.stream(ModelRequest::default()).collect().await;
        let error = items.iter().find_map(|item| item.as_ref().err().map(|error| error.kind));
        (items.len(), error, second.1.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn the_next_is_tried_before_the_first_event_and_for_what_may_pass() {
        let text = || Ok(ModelEvent::TextStart { id: None });
        assert_eq!(run(vec![Err(ModelErrorKind::Overloaded)]).await, (2, None, 1));
        assert_eq!(run(vec![Err(ModelErrorKind::Auth)]).await, (1, Some(ModelErrorKind::Auth), 0));
        assert_eq!(run(vec![text(), Err(ModelErrorKind::Network)]).await, (2, Some(ModelErrorKind::Network), 0));
        let last = Fallback::new(scripted(vec![Err(ModelErrorKind::RateLimit)]), []);
        let items: Vec<_> = last.stream(ModelRequest::default()).collect().await;
        assert!(matches!(&items[..], [Err(error)] if error.kind == ModelErrorKind::RateLimit));
    }
}
