//! The one place that knows every dialect.

use super::ServiceOptions;
use crate::dialect::{Callee, Codec, CodecOptions};
use crate::spec::Api;
use copilotkit_runtime::model::{ModelError, ModelErrorKind, ModelRequest};

/// Whether this build speaks the dialect.
pub(super) fn is_built(api: Api) -> bool {
    match api {
        Api::Chat => cfg!(feature = "openai-chat"),
        Api::Responses => cfg!(feature = "openai-responses"),
        Api::Messages => cfg!(feature = "anthropic"),
        Api::Gemini => cfg!(feature = "gemini"),
        Api::Converse => cfg!(feature = "bedrock"),
    }
}

/// The media type of an answer.
pub(super) fn accept(api: Api) -> &'static str {
    match api {
        Api::Converse => "application/vnd.amazon.eventstream",
        _ => "text/event-stream",
    }
}

/// The body of a call.
pub(super) fn body(options: &ServiceOptions, request: &ModelRequest) -> Result<Vec<u8>, ModelError> {
    let callee = Callee { provider: &options.profile.name, model: &options.model, quirks: &options.profile.quirks };
    match options.api {
        #[cfg(feature = "openai-chat")]
        Api::Chat => crate::openai_chat::body(&callee, request),
        #[cfg(feature = "openai-responses")]
        Api::Responses => crate::openai_responses::body(&callee, request),
        #[cfg(feature = "anthropic")]
        Api::Messages => crate::anthropic::body(&callee, request),
        #[cfg(feature = "gemini")]
        Api::Gemini => crate::gemini::body(&callee, request),
        #[cfg(feature = "bedrock")]
        Api::Converse => crate::bedrock::body(&callee, request),
        #[allow(unreachable_patterns, reason = "only where not every dialect is built")]
        api => {
            let _ = (callee, request);
            Err(not_built(api))
        }
    }
}

/// What reads the answer.
pub(super) fn codec(api: Api, options: CodecOptions) -> Result<Box<dyn Codec>, ModelError> {
    match api {
        #[cfg(feature = "openai-chat")]
        Api::Chat => Ok(Box::new(crate::openai_chat::ChatCodec::new(options))),
        #[cfg(feature = "openai-responses")]
        Api::Responses => Ok(Box::new(crate::openai_responses::ResponsesCodec::new(options))),
        #[cfg(feature = "anthropic")]
        Api::Messages => Ok(Box::new(crate::anthropic::MessagesCodec::new(options))),
        #[cfg(feature = "gemini")]
        Api::Gemini => Ok(Box::new(crate::gemini::GeminiCodec::new(options))),
        #[cfg(feature = "bedrock")]
        Api::Converse => Ok(Box::new(crate::bedrock::ConverseCodec::new(options))),
        #[allow(unreachable_patterns, reason = "only where not every dialect is built")]
        api => {
            let _ = options;
            Err(not_built(api))
        }
    }
}

#[allow(dead_code, reason = "only where not every dialect is built")]
fn not_built(api: Api) -> ModelError {
    ModelError::new(ModelErrorKind::BadRequest, format!("this build does not speak `{}`", api.as_str()))
}
