//! The demo model: deterministic, no key, no network. It makes every path of the runtime visible from a chat box.
//!
//! ```
//! use copilotkit_adapters::DemoModel;
//! use copilotkit_runtime::Model;
//! use std::time::Duration;
//!
//! let model = DemoModel::with_delay(Duration::ZERO);
//! assert_eq!((model.provider(), model.name()), ("demo", "demo"));
//! ```

mod command;
mod conversation;
mod pictures;
mod script;

use command::Command;
use copilotkit_runtime::model::ModelTraits;
use copilotkit_runtime::{Model, ModelRequest, ModelStream};
use script::{Script, Step};
use std::time::Duration;

/// The pause between two words.
const WORD_DELAY: Duration = Duration::from_millis(5);

/// A model that does what the last message says: `/help` lists what it knows.
#[derive(Clone, Copy, Debug)]
pub struct DemoModel {
    word_delay: Duration,
}

impl DemoModel {
    /// A demo model that pauses this long between two words; zero for tests. `/slow` keeps its own pace.
    pub fn with_delay(word_delay: Duration) -> Self {
        Self { word_delay }
    }
}

impl Default for DemoModel {
    fn default() -> Self {
        Self::with_delay(WORD_DELAY)
    }
}

impl Model for DemoModel {
    fn stream(&self, request: ModelRequest) -> ModelStream {
        let steps = answer(&request, self.word_delay);
        let cancel = request.cancel;
        Box::pin(async_stream::stream! {
            for step in steps {
                if cancel.is_cancelled() {
                    return;
                }
                match step {
                    Step::Event(event) => yield Ok(event),
                    Step::Pause(pause) => {
                        tokio::select! {
                            biased;
                            () = cancel.cancelled() => return,
                            () = tokio::time::sleep(pause) => {}
                        }
                    }
                    Step::Fail(error) => {
                        yield Err(error);
                        return;
                    }
                }
            }
        })
    }

    fn provider(&self) -> &str {
        "demo"
    }

    fn name(&self) -> &str {
        "demo"
    }

    fn traits(&self) -> ModelTraits {
        let not = Some(false);
        ModelTraits {
            reasoning: Some(true),
            parallel_calls: not,
            images: not,
            audio: not,
            video: not,
            pdf: not,
            ..ModelTraits::default()
        }
    }
}

fn answer(request: &ModelRequest, word_delay: Duration) -> impl Iterator<Item = Step> + Send + use<> {
    let script = Script::new(request, word_delay);
    if let Some(sentence) = conversation::tool_answer(&request.messages) {
        return script.say(&sentence);
    }
    if let Some(arguments) = conversation::suggestions(request) {
        return script.call(conversation::SUGGEST, arguments);
    }
    match Command::parse(&conversation::last_user_text(&request.messages), &request.tools) {
        Command::Say(sentence) => script.say(&sentence),
        Command::Think(about) => {
            let thought = format!("The person wrote \"{about}\". A short answer will do.");
            script.think(&thought, &command::plain(&about))
        }
        Command::Call { name, arguments } => script.call(&name, arguments),
        Command::Slow(count) => script.slow(count),
        Command::Long(count) => script.long(count),
        Command::Fail => script.fail(),
        Command::Silent => script.silent(),
        Command::Context => script.say(&conversation::context(&request.messages)),
    }
}
