//! What every service is asked with, whatever is asked of it: its address, its keys, and the one rule by which keys are
//! taken out of what it says.

use crate::ConfigError;
use copilotkit_runtime::client::{self, Trust};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

/// `{base}{path}`, with the base's query kept: gateways carry an API version there. A base that ends with the path already
/// is taken as it is.
pub(crate) fn endpoint(base_url: &str, path: &str) -> Result<Url, ConfigError> {
    let mut url = client::check_url(base_url, Trust::Configured)?;
    let base = url.path().trim_end_matches('/');
    let base = base.strip_suffix(path).unwrap_or(base);
    url.set_path(&format!("{base}{path}"));
    Ok(url)
}

/// Adds the key and the configured headers, which win. None of their values is ever shown.
pub(crate) fn add_secrets(
    to: &mut HeaderMap,
    key: Option<(HeaderName, SecretString)>,
    headers: &[(String, SecretString)],
) -> Result<(), ConfigError> {
    if let Some((name, key)) = key {
        let value = secret(key.expose_secret(), name.as_str())?;
        to.insert(name, value);
    }
    for (name, value) in headers {
        let key = HeaderName::try_from(name).map_err(|_| ConfigError::InvalidHeader { name: name.clone() })?;
        to.insert(key, secret(value.expose_secret(), name)?);
    }
    Ok(())
}

/// `Bearer KEY`.
pub(crate) fn bearer(key: &SecretString) -> SecretString {
    SecretString::from(format!("Bearer {}", key.expose_secret().trim()))
}

fn secret(text: &str, name: &str) -> Result<HeaderValue, ConfigError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| ConfigError::InvalidHeader { name: name.to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Keys that must not be shown. Some services say them back.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<SecretString>);

impl Secrets {
    /// The keys of a service: its key, its headers, what its address holds of credentials and query.
    pub(crate) fn of(key: Option<&SecretString>, headers: &[(String, SecretString)], url: &Url) -> Self {
        let mut secrets = Self::default();
        for value in headers.iter().map(|(_, value)| value).chain(key) {
            secrets.add(value.expose_secret());
        }
        if let Some(password) = url.password() {
            secrets.add(password);
        }
        for (name, value) in url.query_pairs() {
            if name.contains("key") || name.contains("token") || name.contains("secret") || name.contains("sig") {
                secrets.add(&value);
            }
        }
        secrets
    }

    /// One more; of `Bearer KEY` the key too.
    pub(crate) fn add(&mut self, secret: &str) {
        for part in std::iter::once(secret).chain(secret.split_whitespace().skip(1)) {
            let part = part.trim();
            // What is shorter is no key, but a word like `none` that stands for one, and may stand in any message.
            if part.len() >= 8 {
                self.0.push(SecretString::from(part));
            }
        }
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
    }

    /// Takes every key out of a text.
    pub(crate) fn clean(&self, text: &mut String) {
        for secret in self.0.iter().map(ExposeSecret::expose_secret) {
            if text.contains(secret) {
                *text = text.replace(secret, "***");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_below_the_base() {
        for (base, expected) in [
            ("http://h/v1", "http://h/v1/chat/completions"),
            ("http://h/v1/", "http://h/v1/chat/completions"),
            ("http://h", "http://h/chat/completions"),
            ("http://h/v1/chat/completions", "http://h/v1/chat/completions"),
            ("http://h/openai?api-version=v1", "http://h/openai/chat/completions?api-version=v1"),
        ] {
            assert_eq!(endpoint(base, "/chat/completions").expect(base).as_str(), expected);
        }
        assert!(endpoint("h/v1", "/x").is_err() && endpoint("", "/x").is_err());
    }

    #[test]
    fn keys_are_taken_out_wherever_they_come_from() {
        let url = Url::parse("http://u:hunter22@h/?api-key=query-key&api-version=2024").expect("url");
        let headers = [("authorization".to_owned(), SecretString::from("Bearer inner-key"))];
        let secrets = Secrets::of(Some(&SecretString::from("  sk-secret-value\n")), &headers, &url);
        let mut text = "sk-secret-value. Bearer inner-key, inner-key; query-key hunter22 at 2024".to_owned();
        secrets.clean(&mut text);
        assert_eq!(text, "***. ***, ***; *** *** at 2024");
    }
}
