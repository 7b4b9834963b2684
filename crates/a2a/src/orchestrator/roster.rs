//! Who can be asked in a run.

use super::Member;
use crate::card::KnownCard;
use crate::client::A2aClient;
use crate::guard::{clean_line, clean_name};
use crate::limits;
use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use url::Url;

/// An agent under the name that the orchestrator calls it by.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) client: A2aClient,
    card: Option<Arc<KnownCard>>,
}

/// The agents, in the order of the configuration, each under a name of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster(pub(super) Vec<Entry>);

impl Roster {
    /// Looks at all cards at once. An agent without one stays in the list: it may answer when it is asked.
    pub(super) async fn of(members: &[Member]) -> Self {
        let cards = members.iter().map(|member| async move {
            match tokio::time::timeout(limits::ROSTER, member.client.card()).await {
                Ok(Ok(card)) => Some(card),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "an agent of an orchestrator is not available");
                    None
                }
                Err(_) => {
                    tracing::warn!(agent = member.client.url(), "the card of an agent takes too long");
                    member.client.kept_card()
                }
            }
        });
        let mut roster = Self::default();
        for (member, card) in members.iter().zip(join_all(cards).await) {
            let said = || card.as_ref().and_then(|known| clean_name(&known.card.name, limits::NAME));
            let given = member.name.as_deref().and_then(|name| clean_name(name, limits::NAME));
            let name = given.or_else(said).unwrap_or_else(|| address_name(member.client.url()));
            let name = roster.free_name(name);
            roster.0.push(Entry { name, client: member.client.clone(), card });
        }
        roster
    }

    fn free_name(&self, name: String) -> String {
        let taken = |name: &str| self.0.iter().any(|entry| entry.name == name);
        if !taken(&name) {
            return name;
        }
        let mut number = 2;
        while taken(&format!("{name} {number}")) {
            number += 1;
        }
        format!("{name} {number}")
    }

    /// The agent of this name; small differences in writing do not matter where only one is meant.
    pub(super) fn find(&self, name: &str) -> Option<&Entry> {
        let plain = |text: &str| text.trim().to_lowercase();
        let alike = || {
            let mut found = self.0.iter().filter(|entry| plain(&entry.name) == plain(name));
            found.next().filter(|_| found.next().is_none())
        };
        self.0.iter().find(|entry| entry.name == name).or_else(alike)
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|entry| entry.name.as_str()).collect()
    }

    /// What the cards say, as data.
    pub(super) fn to_json(&self) -> Value {
        self.0.iter().map(Entry::to_json).collect()
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        let Some(known) = &self.card else {
            return json!({ "name": self.name, "available": false });
        };
        let text = |text: &str| clean_line(text, limits::DESCRIPTION);
        let skills: Vec<_> = known
            .card
            .skills
            .iter()
            .take(limits::SKILLS)
            .map(|skill| json!({ "name": text(&skill.name), "description": text(&skill.description) }))
            .collect();
        json!({ "name": self.name, "description": text(&known.card.description), "skills": skills })
    }
}

/// A name for an agent whose card nobody has seen.
fn address_name(url: &str) -> String {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("unknown").replace([':', '[', ']'], "-");
    let port = url.as_ref().and_then(Url::port_or_known_default).unwrap_or_default();
    format!("agent-at-{host}-{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let client = A2aClient::builder("http://127.0.0.1:9").build().unwrap();
        let mut roster = Roster::default();
        for name in ["Travel", "Travel", "travel"] {
            let name = roster.free_name(name.to_owned());
            roster.0.push(Entry { name, client: client.clone(), card: None });
        }
        assert_eq!(roster.names(), ["Travel", "Travel 2", "travel"]);
        assert_eq!(roster.find("travel").unwrap().name, "travel");
        assert_eq!(roster.find(" TRAVEL 2").unwrap().name, "Travel 2");
        assert!(roster.find("TRAVEL").is_none(), "two are meant");
        assert_eq!(address_name("http://127.0.0.1:9001/x"), "agent-at-127.0.0.1-9001");
    }
}
