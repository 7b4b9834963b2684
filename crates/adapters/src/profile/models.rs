//! What the name of a model tells about it. An unknown name tells nothing: the caller's settings are then sent as they are.

/// The name without the path that gateways put before it.
fn base(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

/// True for OpenAI models that think: the o-series, and gpt-5 and later without the chat variants.
pub(crate) fn is_reasoning_model(model: &str) -> bool {
    let model = base(model);
    if let Some(rest) = model.strip_prefix('o') {
        return rest.starts_with(|c: char| c.is_ascii_digit());
    }
    gpt_version(model).is_some_and(|(major, _)| major >= 5) && !model.contains("-chat")
}

/// True for OpenAI models that think but take sampling when told not to (gpt-5.1 and later).
pub(crate) fn may_skip_reasoning(model: &str) -> bool {
    gpt_version(base(model)).is_some_and(|version| version >= (5, 1))
}

/// `(5, 1)` of `gpt-5.1-mini`.
fn gpt_version(model: &str) -> Option<(u32, u32)> {
    let rest = model.strip_prefix("gpt-")?;
    let version = rest.split('-').next()?;
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// True for DeepSeek models of the R1 era, which refuse earlier reasoning.
pub(crate) fn thinks_aloud(model: &str) -> bool {
    let model = base(model).to_ascii_lowercase();
    model.contains("reasoner") || model.contains("-r1")
}

/// 3 for `gemini-3-flash-preview`.
pub(crate) fn gemini_generation(model: &str) -> Option<u32> {
    let rest = base(model).strip_prefix("gemini-")?;
    rest.split(['-', '.']).next()?.parse().ok()
}

/// True for models that take no system instruction.
pub(crate) fn is_gemma(model: &str) -> bool {
    base(model).starts_with("gemma")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_models_are_known_by_their_name() {
        for model in ["o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-5.1", "gpt-6-nano", "openai/gpt-5"] {
            assert!(is_reasoning_model(model), "{model}");
        }
        for model in ["gpt-4.1-mini", "gpt-4o", "gpt-5-chat-latest", "gpt-oss-120b", "omni", "llama-3"] {
            assert!(!is_reasoning_model(model), "{model}");
        }
        assert!(may_skip_reasoning("gpt-5.1") && !may_skip_reasoning("gpt-5") && !may_skip_reasoning("o3"));
    }

    #[test]
    fn generations_of_gemini() {
        assert_eq!(gemini_generation("gemini-2.5-flash"), Some(2));
        assert_eq!(gemini_generation("models/gemini-3-flash-preview"), Some(3));
        assert_eq!(gemini_generation("gemma-3"), None);
        assert!(is_gemma("gemma-3-27b-it") && thinks_aloud("deepseek-reasoner") && !thinks_aloud("deepseek-v4-pro"));
    }
}
