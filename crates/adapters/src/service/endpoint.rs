//! Where calls of each dialect go.

use super::ServiceOptions;
use crate::{Api, ConfigError, outbound};
use reqwest::Url;

/// The address of a call, at the profile's address unless another one is given.
pub(super) fn of(options: &ServiceOptions) -> Result<Url, ConfigError> {
    let (profile, model) = (&options.profile, options.model.as_str());
    let base = options.base_url.as_deref().unwrap_or(&profile.base_url);
    if base.is_empty() {
        return Err(ConfigError::MissingBaseUrl { provider: profile.name.to_string() });
    }
    let vertex = profile.quirks.vertex;
    match options.api {
        Api::Chat => outbound::endpoint(base, "/chat/completions"),
        Api::Responses => outbound::endpoint(base, "/responses"),
        Api::Messages if vertex => {
            outbound::endpoint(base, &format!("/publishers/anthropic/models/{}:streamRawPredict", escape(model)))
        }
        Api::Messages => outbound::endpoint(base, "/messages"),
        Api::Gemini => {
            // A tuned model, or one of another publisher, is named by its path.
            let path = match (model.contains('/'), vertex) {
                (true, _) => format!("/{model}"),
                (false, true) => format!("/publishers/google/models/{}", escape(model)),
                (false, false) => format!("/models/{}", escape(model)),
            };
            let mut url = outbound::endpoint(base, &format!("{path}:streamGenerateContent"))?;
            url.query_pairs_mut().append_pair("alt", "sse");
            Ok(url)
        }
        Api::Converse => outbound::endpoint(base, &format!("/model/{}/converse-stream", escape_all(model))),
    }
}

/// A name as one segment of a path.
fn escape(name: &str) -> String {
    encode(name, |c| c.is_ascii_alphanumeric() || b"-_.~:@".contains(&c))
}

/// As signatures of AWS want it: `:` too.
fn escape_all(name: &str) -> String {
    encode(name, |c| c.is_ascii_alphanumeric() || b"-_.~".contains(&c))
}

fn encode(name: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;

    fn url(provider: &str, api: Option<Api>, model: &str, base: Option<&str>) -> String {
        let mut options = ServiceOptions::new(Profile::named(provider).expect(provider), model);
        options.api = api.unwrap_or(options.api);
        options.base_url = base.map(str::to_owned);
        of(&options).expect(provider).to_string()
    }

    #[test]
    fn each_dialect_has_its_place() {
        let own = |provider: &str, model: &str| url(provider, None, model, None);
        assert_eq!(own("openai", "gpt-5"), "https://api.openai.com/v1/responses");
        assert_eq!(own("groq", "openai/gpt-oss"), "https://api.groq.com/openai/v1/chat/completions");
        assert_eq!(own("anthropic", "claude-sonnet-4-6"), "https://api.anthropic.com/v1/messages");
        assert_eq!(
            own("google", "gemini-3-flash-preview"),
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse"
        );
        let place = Some("https://h/v1/projects/p/locations/l");
        assert_eq!(
            url("vertex", None, "gemini-2.5-pro", place),
            "https://h/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
        );
        assert_eq!(
            url("vertex", Some(Api::Messages), "claude-sonnet-4-5@20250929", place),
            "https://h/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict"
        );
        assert_eq!(
            url("bedrock", None, "anthropic.claude-v1:0", Some("https://h")),
            "https://h/model/anthropic.claude-v1%3A0/converse-stream"
        );
    }
}
