//! The names under which models know the tools of servers.
//!
//! A tool keeps its name where it can: pages show results by it. It never takes the name of another tool: those of the
//! page, of the agent and of the shared state come first, then the servers in their order.

use crate::config::{Namespacing, ServerConfig};
use crate::limits::MODEL_TOOL_NAME;
use crate::listing::ToolDef;
use std::collections::HashSet;

/// Names of tools that no server can take: the agent's own, and those of the shared state.
pub(crate) const STATE_TOOLS: [&str; 2] = ["AGUISendStateSnapshot", "AGUISendStateDelta"];

/// The names that are taken.
pub(crate) struct Names {
    taken: HashSet<String>,
}

impl Names {
    pub(crate) fn new(reserved: impl IntoIterator<Item = String>) -> Self {
        let state = STATE_TOOLS.iter().map(|name| (*name).to_owned());
        Self { taken: reserved.into_iter().chain(state).collect() }
    }

    /// The name under which a tool is offered to a model, if it is.
    pub(crate) fn offer(&mut self, server: &ServerConfig, tool: &ToolDef) -> Option<String> {
        if !tool.is_for_model() || !server.offers(&tool.name) {
            return None;
        }
        let name = self.take(server, &tool.name);
        if name.is_none() {
            tracing::warn!(server = server.id, tool = tool.name, "a tool was left out: its name is taken");
        }
        name
    }

    /// The name of a server's tool, which is taken from now on. `None` when it is left out.
    pub(crate) fn take(&mut self, server: &ServerConfig, tool: &str) -> Option<String> {
        let plain = format!("{}{tool}", server.prefix);
        let name = if server.namespacing == Namespacing::Always { None } else { self.claim(&plain) };
        let name = match (name, server.namespacing) {
            (Some(name), _) => name,
            (None, Namespacing::Never) => return None,
            (None, _) => {
                let long = format!("mcp__{}__{plain}", server.id);
                // A name that is cut or already taken gets what tells it apart from all others.
                self.claim(&long).or_else(|| {
                    let mark = mark(&format!("{}\u{0}{tool}", server.id));
                    let room = MODEL_TOOL_NAME - mark.len() - 1;
                    let cut: String = legal(&long).chars().take(room).collect();
                    self.claim(&format!("{cut}_{mark}"))
                })?
            }
        };
        Some(name)
    }

    /// Takes the name if it is legal and free.
    fn claim(&mut self, name: &str) -> Option<String> {
        let name = legal(name);
        (name.len() <= MODEL_TOOL_NAME && self.taken.insert(name.clone())).then_some(name)
    }
}

/// Every provider takes letters, digits, `_` and `-`.
fn legal(name: &str) -> String {
    name.chars()
        .map(|char| if char.is_ascii_alphanumeric() || matches!(char, '_' | '-') { char } else { '_' })
        .collect()
}

/// Eight hexadecimal digits that stay the same from run to run (FNV-1a). Two of the same only cost a tool its place.
fn mark(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:08x}", (hash >> 32) as u32 ^ hash as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(id: &str) -> ServerConfig {
        ServerConfig::http(id, "http://127.0.0.1/mcp").unwrap()
    }

    #[test]
    fn a_server_takes_no_name_of_the_page_the_agent_or_the_state() {
        let mut names = Names::new(["confirm".to_owned(), "lookup".to_owned()]);
        let files = server("files");
        assert_eq!(names.take(&files, "read").unwrap(), "read");
        assert_eq!(names.take(&files, "confirm").unwrap(), "mcp__files__confirm");
        for name in STATE_TOOLS {
            assert_eq!(names.take(&files, name).unwrap(), format!("mcp__files__{name}"));
        }
        assert_eq!(names.take(&server("other"), "read").unwrap(), "mcp__other__read");
    }

    #[test]
    fn a_tool_named_like_another_server_s_long_name_takes_nothing_away() {
        let mut names = Names::new(["read".to_owned()]);
        let evil = server("evil");
        assert_eq!(names.take(&evil, "mcp__files__read").unwrap(), "mcp__files__read");
        let real = names.take(&server("files"), "read").unwrap();
        assert!(real.starts_with("mcp__files__read_") && real.len() <= MODEL_TOOL_NAME, "{real}");
    }

    #[test]
    fn names_are_legal_and_short_and_stay_apart() {
        let mut names = Names::new([]);
        let files = server("my files");
        assert_eq!(names.take(&files, "a.b/c").unwrap(), "a_b_c");
        assert_eq!(names.take(&files, "a.b.c").unwrap(), "mcp__my_files__a_b_c");
        let long = "x".repeat(100);
        let (first, second) = (names.take(&files, &long).unwrap(), names.take(&files, &format!("{long}y")).unwrap());
        assert_ne!(first, second);
        for name in [&first, &second] {
            assert_eq!(name.len(), MODEL_TOOL_NAME);
            assert_eq!(*name, legal(name));
        }
        let mut again = Names::new(["a_b_c".to_owned(), "mcp__my_files__a_b_c".to_owned()]);
        assert_eq!(again.take(&files, &long).unwrap(), first, "the same from run to run");
    }

    #[test]
    fn settings_decide() {
        let mut names = Names::new(["read".to_owned()]);
        let always = ServerConfig { namespacing: Namespacing::Always, ..server("files") };
        assert_eq!(names.take(&always, "write").unwrap(), "mcp__files__write");
        let never = ServerConfig { namespacing: Namespacing::Never, ..server("b") };
        assert_eq!((names.take(&never, "read"), names.take(&never, "list")), (None, Some("list".to_owned())));
        let prefixed = ServerConfig { prefix: "fs_".to_owned(), ..server("c") };
        assert_eq!(names.take(&prefixed, "read").unwrap(), "fs_read");
    }
}
