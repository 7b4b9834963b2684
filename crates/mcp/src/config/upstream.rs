//! The entries that CopilotKit's own runtime takes, as JSON.

use super::{ConfigError, ServerConfig, Transport, address};
use copilotkit_runtime::client::Trust;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A server as CopilotKit's `mcpServers` and `mcpApps.servers` name one: `type`, `url`, `headers`, `serverId`, `agentId`,
/// `options.requestInit.headers`; and the older `endpoint` with `apiKey`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamServer {
    /// `http` or `sse`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its address.
    pub url: Option<String>,
    /// The older name of `url`.
    pub endpoint: Option<String>,
    /// A token that is sent as a bearer.
    pub api_key: Option<String>,
    /// Headers of each request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Its name.
    pub server_id: Option<String>,
    /// The one agent that it is for.
    pub agent_id: Option<String>,
    /// The tools that are offered; empty for all. Ours: the reference runtime refuses the key.
    #[serde(default)]
    pub include_tools: Vec<String>,
    /// Tools that are not offered. Ours, too.
    #[serde(default)]
    pub exclude_tools: Vec<String>,
    /// Options of the transport, of which the headers are understood.
    #[serde(default)]
    pub options: UpstreamOptions,
}

/// `options` of an [`UpstreamServer`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpstreamOptions {
    /// What each request is made with.
    pub request_init: UpstreamRequest,
}

/// `options.requestInit` of an [`UpstreamServer`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct UpstreamRequest {
    /// Headers of each request.
    pub headers: BTreeMap<String, String>,
}

impl UpstreamServer {
    /// The server, whose place in the list is `index`. `trust` says who wrote the entry.
    ///
    /// # Errors
    /// An address, a type or a header that cannot be used.
    pub fn into_config(self, index: usize, trust: Trust) -> Result<ServerConfig, ConfigError> {
        let text = self.url.or(self.endpoint).unwrap_or_default();
        let url = address(&text, trust)?;
        let transport = match self.kind.as_deref() {
            None if url.path().ends_with("/sse") => Transport::Sse(url),
            None | Some("http") => Transport::Http(url),
            Some("sse") => Transport::Sse(url),
            Some(other) => {
                return Err(ConfigError::Unsupported(format!("`{other}` is not a type of server: `http` or `sse`")));
            }
        };
        let id = self.server_id.unwrap_or_else(|| format!("server{index}"));
        let (include_tools, exclude_tools) = (self.include_tools, self.exclude_tools);
        let mut config = ServerConfig { trust, include_tools, exclude_tools, ..ServerConfig::new(id, transport) };
        let bearer = self.api_key.map(|key| ("authorization".to_owned(), format!("Bearer {key}")));
        for (name, value) in bearer.into_iter().chain(self.options.request_init.headers).chain(self.headers) {
            let parsed = HeaderName::try_from(&name).ok().zip(HeaderValue::try_from(value).ok());
            let Some((header, mut value)) = parsed else { return Err(ConfigError::Header(name)) };
            value.set_sensitive(true);
            config.headers.insert(header, value);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ServerConfig, ConfigError> {
        serde_json::from_str::<UpstreamServer>(json).unwrap().into_config(3, Trust::Configured)
    }

    #[test]
    fn every_form_that_upstream_takes() {
        let http =
            read(r#"{"type":"http","url":"http://a.example/mcp","serverId":"a","headers":{"X-Key":"k"}}"#).unwrap();
        assert_eq!((http.id.as_str(), format!("{:?}", http.transport)), ("a", "http http://a.example/mcp".to_owned()));
        assert_eq!(http.headers["x-key"], "k");
        let sse = read(r#"{"type":"sse","url":"http://a.example/sse"}"#).unwrap();
        assert_eq!(
            (sse.id.as_str(), format!("{:?}", sse.transport)),
            ("server3", "sse http://a.example/sse".to_owned())
        );
        let old = read(r#"{"endpoint":"https://a.example/sse?k=secret","apiKey":"t"}"#).unwrap();
        assert_eq!(format!("{:?}", old.transport), "sse https://a.example/sse", "a query may be a secret");
        assert_eq!(old.headers["authorization"], "Bearer t");
        let options = r#"{"type":"http","url":"http://a.example/","options":{"requestInit":{"headers":{"x-a":"1"}}}}"#;
        assert_eq!(read(options).unwrap().headers["x-a"], "1");
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        assert!(matches!(read(r#"{"type":"stdio","url":"http://a.example/"}"#), Err(ConfigError::Unsupported(_))));
        assert!(matches!(read(r#"{"type":"http"}"#), Err(ConfigError::Address(_))));
        assert_eq!(read(r#"{"url":"http://u:p@a.example/"}"#).unwrap_err(), ConfigError::Credentials);
        let header = r#"{"url":"http://a.example/","headers":{"a b":"c"}}"#;
        assert_eq!(read(header).unwrap_err(), ConfigError::Header("a b".to_owned()));
    }

    #[test]
    fn secrets_do_not_show() {
        let config = read(r#"{"url":"http://a.example/?t=s3cret","apiKey":"s3cret"}"#).unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
        assert_eq!(config.place(), "http://a.example/");
    }
}
