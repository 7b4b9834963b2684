//! Servers that a page names (`forwardedProps.mcpServers`).

use crate::config::{ServerConfig, Transport, UpstreamServer};
use crate::limits::PAGE_SERVERS;
use copilotkit_runtime::client::Trust;
use copilotkit_runtime::tool::ToolScope;
use serde::Deserialize;
use std::sync::Arc;
use url::{Origin, Url};

/// Which servers a page may name. By default none: whoever can start a run could have this server send requests to
/// wherever it can reach.
#[derive(Clone, Debug, Default)]
pub struct PageServers {
    origins: Vec<Origin>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Props {
    #[serde(default)]
    mcp_servers: Vec<UpstreamServer>,
    #[serde(default)]
    mcp_endpoints: Vec<UpstreamServer>,
}

impl PageServers {
    /// Servers at these origins, like `https://mcp.example.com`.
    ///
    /// # Errors
    /// The first that is no origin of http or https.
    pub fn at(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, String> {
        let read = |origin: &str| {
            let url = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            url.filter(|url| url.path() == "/" && url.query().is_none() && url.username().is_empty())
                .map(|url| url.origin())
                .ok_or_else(|| origin.to_owned())
        };
        let origins = origins.into_iter().map(|origin| read(origin.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { origins })
    }

    /// Those that a run names and may name.
    pub(super) fn named(&self, scope: &ToolScope) -> Vec<Arc<ServerConfig>> {
        let Some(props) = &scope.input.forwarded_props else { return Vec::new() };
        if !props.get().contains("\"mcpServers\"") && !props.get().contains("\"mcpEndpoints\"") {
            return Vec::new();
        }
        let Ok(Props { mcp_servers, mcp_endpoints }) = props.read() else { return Vec::new() };
        let mut servers = Vec::new();
        for (index, entry) in mcp_servers.into_iter().chain(mcp_endpoints).take(PAGE_SERVERS).enumerate() {
            match self.admit(entry, index) {
                Ok(server) => servers.push(Arc::new(server)),
                Err(reason) => tracing::warn!(reason, "an MCP server that a page names was left out"),
            }
        }
        servers
    }

    fn admit(&self, entry: UpstreamServer, index: usize) -> Result<ServerConfig, String> {
        // Whoever wrote the allow list has decided: its origins may be on a private network.
        let mut server = entry.into_config(index, Trust::Configured).map_err(|error| error.to_string())?;
        let (Transport::Http(url) | Transport::Sse(url)) = &server.transport else {
            return Err("only servers over HTTP can be named".to_owned());
        };
        if !self.origins.contains(&url.origin()) {
            return Err("its origin is not on the list of those that pages may name".to_owned());
        }
        // No name of a page is taken for one of the configuration.
        server.id = format!("page_{}", server.id);
        Ok(server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(pages: &PageServers, json: &str) -> Result<String, String> {
        let entry = serde_json::from_str(json).unwrap();
        pages.admit(entry, 0).map(|server| format!("{} {:?}", server.id, server.transport))
    }

    #[test]
    fn only_origins_of_the_list_are_reached() {
        let pages = PageServers::at(["https://mcp.example.com", "http://10.0.0.5:3001"]).unwrap();
        let good = admit(&pages, r#"{"type":"http","url":"https://mcp.example.com/mcp","serverId":"files"}"#);
        assert_eq!(good.unwrap(), "page_files http https://mcp.example.com/mcp");
        assert!(admit(&pages, r#"{"endpoint":"http://10.0.0.5:3001/sse"}"#).is_ok());
        for url in [
            "http://mcp.example.com/mcp",
            "https://mcp.example.com:444/",
            "https://mcp.example.com.evil.org/",
            "http://169.254.169.254/",
            "https://mcp.example.com@evil.org/",
        ] {
            assert!(admit(&pages, &format!(r#"{{"type":"http","url":"{url}"}}"#)).is_err(), "{url}");
        }
        assert!(admit(&PageServers::default(), r#"{"url":"https://mcp.example.com/mcp"}"#).is_err());
    }

    #[test]
    fn origins_are_checked() {
        for bad in ["mcp.example.com", "ftp://a/", "https://a.example/path", "*"] {
            assert_eq!(PageServers::at([bad]).unwrap_err(), bad);
        }
    }
}
