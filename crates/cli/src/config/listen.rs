//! What `[server]` and `[store]` must be like.

use super::sources::Merged;
use super::{ConfigError, ServerConfig, StoreConfig, StoreKind};
use std::net::Ipv6Addr;
use url::{Host, Url};

/// Paths that the server answers itself, in front of every base path.
const OWN_PATHS: [&str; 5] = ["/health", "/ready", "/metrics", "/docs", "/openapi.json"];

/// Whether the server has this path for itself, so that nothing else could be reached there.
pub(super) fn is_own_path(path: &str) -> bool {
    OWN_PATHS.contains(&path.trim_end_matches('/'))
}

impl ServerConfig {
    pub(super) fn check(&self, merged: &Merged) -> Result<(), ConfigError> {
        self.check_origins(merged)?;
        for host in self.allowed_hosts.iter().filter(|host| *host != "*") {
            // An address without its brackets would be read as a name with a port.
            let bare = host.parse::<Ipv6Addr>().is_ok();
            if !bare && (Host::parse(host).is_err() || host.contains('*')) {
                return Err(merged.error(
                    &["server", "allowed_hosts"],
                    format!("`{host}` is not the name of a host"),
                    "write the name alone, without scheme and port, like \"app.example.com\"",
                ));
            }
        }
        self.check_base_paths(merged)
    }

    fn check_origins(&self, merged: &Merged) -> Result<(), ConfigError> {
        let error = |reason: String, remedy: String| Err(merged.error(&["server", "cors_origins"], reason, remedy));
        let any_origin = self.cors_origins.iter().any(|origin| origin == "*");
        if any_origin && self.allow_credentials {
            let reason = "every origin (`*`) together with credentials would let any web page act as its visitors";
            return error(reason.into(), "list the origins that you trust, or set `allow_credentials = false`".into());
        }
        if any_origin && self.cors_origins.len() > 1 {
            return error("`*` stands beside other origins".into(), "keep one of the two".into());
        }
        for origin in self.cors_origins.iter().filter(|origin| *origin != "*") {
            if origin.contains('*') {
                let reason = format!("`{origin}` would be no page's origin: a `*` within a name stands for nothing");
                let remedy = "write each origin, like \"https://app.example.com\", or \"*\" alone for every one";
                return error(reason, remedy.into());
            }
            let url = Url::parse(origin).ok().filter(|url| {
                matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none() && url.has_host()
            });
            let Some(url) = url else {
                let remedy = "write scheme, host and port, like \"https://app.example.com\"";
                return error(format!("`{origin}` is not an origin"), remedy.into());
            };
            // Browsers send it in one form, without the scheme's own port, and that is what is compared.
            let sent = url.origin().ascii_serialization();
            if sent != origin.trim_end_matches('/') {
                return error(format!("`{origin}` is not what browsers send"), format!("write \"{sent}\""));
            }
        }
        Ok(())
    }

    fn check_base_paths(&self, merged: &Merged) -> Result<(), ConfigError> {
        let error = |reason: String, remedy: String| Err(merged.error(&["server", "base_path"], reason, remedy));
        if self.base_path.items().is_empty() {
            return error("no path is left".into(), "write one, like \"/copilotkit\"".into());
        }
        for path in self.base_path.items() {
            if !path.starts_with('/') {
                return error(format!("`{path}` does not begin with `/`"), format!("write \"/{path}\""));
            }
            if is_own_path(path) {
                let reason = format!("the server itself answers at `{path}`");
                return error(reason, "write another one, like \"/copilotkit\"".into());
            }
        }
        Ok(())
    }
}

impl StoreConfig {
    pub(super) fn check(&self, merged: &Merged) -> Result<(), ConfigError> {
        if self.kind != StoreKind::Sqlite {
            return Ok(());
        }
        if self.path.is_empty() {
            return Err(merged.error(
                &["store", "path"],
                "the file of the thread store has no name",
                "write one, like \".copilotkit/threads.db\", or set `kind = \"memory\"`",
            ));
        }
        if let Some(path) = self.path.strip_prefix("sqlite:") {
            let path = path.trim_start_matches("//");
            let reason = "this is the name of a file, which begins with no `sqlite:`";
            return Err(merged.error(&["store", "path"], reason, format!("write \"{path}\"")));
        }
        Ok(())
    }
}
