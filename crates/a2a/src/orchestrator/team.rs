//! What is remembered of the agents of an orchestrator between the runs of a thread.

use crate::memory::Contact;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything of one thread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Team {
    /// By the address of the agent: names are chosen by those who run them.
    pub(super) contacts: BTreeMap<String, Contact>,
    /// Questions that wait for the person.
    pub(super) pending: Vec<Pending>,
}

/// A question that waits for the person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Pending {
    /// The interrupt.
    pub(super) interrupt_id: String,
    /// The address of the agent.
    pub(super) agent: String,
    /// The task that asked.
    pub(super) task_id: String,
}
