//! The hash by which pages, and threads that are stored, know a server. It is that of CopilotKit's own runtime: an id and
//! no secret, made of nothing but type and address.

use crate::config::{ServerConfig, Transport};
use copilotkit_protocol::Json;
use md5::{Digest as _, Md5};
use std::fmt::Write as _;

/// The hash of a server.
pub(super) fn of(config: &ServerConfig) -> String {
    match &config.transport {
        Transport::Http(url) | Transport::Sse(url) => of_written(config, url.as_str()),
        // Its arguments may hold what is secret: the name stands in for them.
        Transport::Stdio(_) => of_written(config, &config.id),
    }
}

/// The hash of a server whose address is written so.
pub(super) fn of_written(config: &ServerConfig, url: &str) -> String {
    let kind = match config.transport {
        Transport::Http(_) => "http",
        Transport::Sse(_) => "sse",
        Transport::Stdio(_) => "stdio",
    };
    let text = format!("{{\"type\":\"{kind}\",\"url\":{}}}", Json::of(url).get());
    Md5::digest(text).iter().fold(String::with_capacity(32), |mut hash, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_reference_runtime() {
        let config = ServerConfig::http("clock", "http://127.0.0.1:21403/mcp").unwrap();
        assert_eq!(of(&config), "7eaa9b43ce4fe5cf22980e8d609aa3d0");
        let config = ServerConfig::http("charts", "http://127.0.0.1:21191/mcp").unwrap();
        assert_eq!(of(&config), "6573ae3f06f15e346c67c87dacfd1cfd");
    }

    #[test]
    fn an_address_counts_as_it_was_written_and_headers_do_not() {
        let mut config = ServerConfig::http("a", "https://mcp.example.com").unwrap();
        let bare = of_written(&config, "https://mcp.example.com");
        assert_ne!(bare, of(&config), "the slash that was added");
        config.headers.insert("authorization", "Bearer s3cret".parse().unwrap());
        assert_eq!(bare, of_written(&config, "https://mcp.example.com"));
        let sse = ServerConfig::sse("a", "https://mcp.example.com/").unwrap();
        assert_ne!(of(&sse), of(&config));
    }
}
