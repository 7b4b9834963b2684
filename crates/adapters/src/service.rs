//! What a service in OpenAI's manner is asked with, whatever is asked of it.

use crate::ConfigError;
use copilotkit_runtime::client::{self, Trust};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
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
    api_key: Option<&SecretString>,
    headers: &[(String, SecretString)],
) -> Result<(), ConfigError> {
    if let Some(key) = api_key {
        to.insert(AUTHORIZATION, secret(&format!("Bearer {}", key.expose_secret().trim()), "authorization")?);
    }
    for (name, value) in headers {
        let key = HeaderName::try_from(name).map_err(|_| ConfigError::InvalidHeader { name: name.clone() })?;
        to.insert(key, secret(value.expose_secret(), name)?);
    }
    Ok(())
}

fn secret(text: &str, name: &str) -> Result<HeaderValue, ConfigError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| ConfigError::InvalidHeader { name: name.to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}
