//! Services, as data: where they are, how they are called, and in what they differ from their dialect.

mod models;
mod table;

pub(crate) use models::{gemini_generation, is_gemma, is_reasoning_model, may_skip_reasoning, thinks_aloud};

use crate::spec::Api;
use std::borrow::Cow;

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name in a model string, lower case; also the vendor in usage.
    pub name: Cow<'static, str>,
    /// Where it is unless the configuration says otherwise, up to and with the version; empty when there is no default.
    pub base_url: Cow<'static, str>,
    /// The environment variable of its key.
    pub api_key_env: Cow<'static, str>,
    /// Other variables that are looked at when that one is not set.
    pub other_key_envs: &'static [&'static str],
    /// The environment variable of its address.
    pub base_url_env: Cow<'static, str>,
    /// The dialect that it is called in.
    pub api: Api,
    /// Where a key goes.
    pub key: KeyStyle,
    /// In what it differs.
    pub quirks: Quirks,
}

/// Where a key goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyStyle {
    /// `authorization: Bearer KEY`.
    #[default]
    Bearer,
    /// A header of its own.
    Header(&'static str),
}

/// In what a service differs from its dialect. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Names of reasoning models (o-series, gpt-5 and later) are recognised: role `developer`, `max_completion_tokens`,
    /// no sampling.
    pub reasoning_models: bool,
    /// `stream_options` is refused.
    pub no_stream_options: bool,
    /// How a forced tool is asked for.
    pub tool_choice: ToolChoiceStyle,
    /// How earlier reasoning goes back.
    pub reasoning_history: ReasoningHistory,
    /// Models think unless told otherwise, and then take no sampling and no seed.
    pub thinks_by_default: bool,
    /// `top_k` is understood.
    pub top_k: bool,
    /// The seed is called `random_seed`.
    pub random_seed: bool,
    /// Tool messages carry the tool's name.
    pub tool_message_name: bool,
    /// The count of written tokens leaves the reasoning out.
    pub usage_excludes_parts: bool,
    /// The last piece of reasoning may come twice.
    pub repeats_reasoning: bool,
    /// Pictures are plain addresses, and PDFs have a part of their own.
    pub mistral_parts: bool,
    /// Ids of tool calls are nine letters and digits.
    pub nine_character_ids: bool,
    /// Vertex AI: the model stands in the address, the version in the body.
    pub vertex: bool,
}

/// How a forced tool is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolChoiceStyle {
    /// `required`, or an object that names the tool.
    #[default]
    OpenAi,
    /// Only strings are understood: a named tool is offered alone and `required`.
    Strings,
    /// As [`Self::Strings`], with `any` for `required`.
    Any,
}

/// How earlier reasoning goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasoningHistory {
    /// Not at all.
    #[default]
    Dropped,
    /// In this member of the assistant message, where there is any.
    Member(&'static str),
    /// In this member of every assistant message, empty where there is none.
    Always(&'static str),
    /// As parts of the content that say `thinking`.
    Parts,
    /// As the `reasoning_details` that the service gave.
    Details,
}

impl Profile {
    /// The profile of this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        table::find(name)
    }

    /// Every name, in the order of the documentation.
    pub fn names() -> impl Iterator<Item = &'static str> {
        table::names()
    }

    /// The name of the profile that this name or other name of it means.
    pub(crate) fn canonical(name: &str) -> Option<&'static str> {
        table::canonical(name)
    }

    /// Other names that mean it.
    pub fn aliases(&self) -> impl Iterator<Item = &'static str> {
        table::aliases(&self.name)
    }

    /// The variables of the key, in the order in which they are looked at.
    pub fn key_envs(&self) -> impl Iterator<Item = &str> {
        let first = Some(&*self.api_key_env).filter(|name| !name.is_empty());
        first.into_iter().chain(self.other_key_envs.iter().copied())
    }

    /// Whether the service can be called in this dialect.
    pub fn speaks(&self, api: Api) -> bool {
        let openai = matches!(self.api, Api::Chat | Api::Responses);
        match api {
            // Anthropic and Google have an address for clients of OpenAI.
            Api::Chat => self.api != Api::Converse && !self.quirks.vertex,
            Api::Responses => openai,
            // Several services of the first dialect speak Anthropic's beside it, at another address.
            Api::Messages => self.api == Api::Messages || self.quirks.vertex || (openai && self.name != "openai"),
            Api::Gemini => self.api == Api::Gemini,
            Api::Converse => self.api == Api::Converse,
        }
    }
}
