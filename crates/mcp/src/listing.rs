//! What a server offers.

mod tool;

pub use tool::ToolDef;
pub(crate) use tool::is_ui;

use crate::connection::{Connection, Terms};
use crate::error::{ErrorKind, McpError};
use crate::limits;
use rmcp::model::{ClientRequest, ListToolsRequest, PaginatedRequestParams, ServerResult};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// The tools of one server, as it listed them.
#[derive(Clone, Debug, Default)]
pub struct ToolList {
    /// In the server's order; of several with one name the first.
    pub tools: Vec<Arc<ToolDef>>,
    /// How long the server says that the list holds.
    pub ttl: Option<Duration>,
    /// How many were left out because they are malformed or too large, or because there are too many.
    pub dropped: usize,
}

impl ToolList {
    /// The tool of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<ToolDef>> {
        self.tools.iter().find(|tool| tool.name == name)
    }
}

/// Lists the tools, page by page, within bounds.
pub(crate) async fn list(server: &str, connection: &Connection, limit: Duration) -> Result<ToolList, McpError> {
    let end = Instant::now() + limit;
    let mut list = ToolList::default();
    let mut cursor: Option<String> = None;
    let mut cursors = HashSet::new();
    let mut names = HashSet::new();
    for _ in 0..limits::LIST_PAGES {
        let request = ListToolsRequest::with_param(PaginatedRequestParams::default().with_cursor(cursor.take()));
        let left = end.saturating_duration_since(Instant::now());
        let terms = Terms { total: left, cancel: CancellationToken::new(), ..Terms::default() };
        let asked = connection.request(ClientRequest::ListToolsRequest(request), &terms);
        let answer = timeout_at(end, asked)
            .await
            .map_err(|_| McpError::about(ErrorKind::Timeout, server, "the list of tools did not come in time"))??;
        let page = page(server, answer)?;
        list.ttl = match (list.ttl, page.ttl) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
        for tool in page.tools {
            match ToolDef::read(tool) {
                Ok(_) if list.tools.len() >= limits::TOOLS => list.dropped += 1,
                Ok(tool) if names.insert(tool.name.clone()) => list.tools.push(Arc::new(tool)),
                Ok(tool) => {
                    list.dropped += 1;
                    tracing::warn!(server, tool = tool.name, "a second tool of the same name was left out");
                }
                Err(reason) => {
                    list.dropped += 1;
                    tracing::warn!(server, reason, "a malformed tool was left out");
                }
            }
        }
        match page.next {
            Some(next) if cursors.insert(next.clone()) && list.tools.len() < limits::TOOLS => cursor = Some(next),
            Some(_) => {
                tracing::warn!(server, "the list of tools does not end: it was cut off");
                return Ok(list);
            }
            None => return Ok(list),
        }
    }
    tracing::warn!(server, pages = limits::LIST_PAGES, "the list of tools has too many pages: it was cut off");
    Ok(list)
}

struct Page {
    tools: Vec<Value>,
    next: Option<String>,
    ttl: Option<Duration>,
}

/// One page. One malformed tool makes the whole answer unknown to rmcp, so it is read tool by tool.
fn page(server: &str, answer: ServerResult) -> Result<Page, McpError> {
    let wrong = || McpError::about(ErrorKind::Protocol, server, "the answer to tools/list holds no list of tools");
    let mut value = match answer {
        ServerResult::ListToolsResult(result) => serde_json::to_value(result).map_err(|_| wrong())?,
        ServerResult::CustomResult(result) => result.0,
        _ => return Err(wrong()),
    };
    let ttl = value.get("ttlMs").and_then(Value::as_u64).map(Duration::from_millis);
    let next = value.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
    let Some(Value::Array(tools)) = value.get_mut("tools").map(Value::take) else { return Err(wrong()) };
    Ok(Page { tools, next, ttl: ttl.map(|ttl| ttl.min(limits::LIST_TTL_MAX)) })
}
