//! One call at a time on a connection that does not tell which call a question belongs to.
//!
//! Over stdio and HTTP+SSE a question comes with nothing that names its call. Where a server may ask, each call therefore
//! has a connection to itself for as long as it goes on. Calls use the same one in turn, so that what the server keeps in
//! mind stays; one that waits for a person, or takes long, keeps its own and the others get a fresh one.

use super::slot::Slot;
use crate::config::Transport;
use crate::connection::{Connection, Terms};
use crate::error::{ErrorKind, McpError};
use crate::limits;
use rmcp::model::{ClientRequest, ServerResult};
use std::ops::Deref;
use std::sync::{Arc, PoisonError, Weak};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};

/// A connection for one call, alone on it where that is needed.
pub(crate) struct Seat {
    connection: Arc<Connection>,
    alone: Option<Alone>,
}

struct Alone {
    slot: Arc<Slot>,
    /// False while the server has something to answer. What nobody waits for any more it may still ask a person about.
    is_over: bool,
    _seat: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

impl Deref for Seat {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Seat {
    /// As [`Connection::request`].
    pub(crate) async fn request(&mut self, request: ClientRequest, terms: &Terms) -> Result<ServerResult, McpError> {
        if let Some(alone) = &mut self.alone {
            alone.is_over = false;
        }
        let done = self.connection.request(request, terms).await;
        let in_vain = done.as_ref().is_err_and(|error| matches!(error.kind, ErrorKind::Timeout | ErrorKind::Cancelled));
        if let Some(alone) = &mut self.alone {
            alone.is_over = !in_vain;
        }
        done
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(alone) = &self.alone else { return };
        if !alone.is_over {
            // The next one on it would be shown the question of this one.
            self.connection.spoil();
        }
        alone.slot.give_back(&self.connection);
    }
}

impl Slot {
    /// A connection for a call in the course of which the server may ask a person.
    pub(crate) async fn seat(self: &Arc<Self>) -> Result<Seat, McpError> {
        let connection = self.connection().await?;
        let config = self.config();
        // From 2026-07-28 on questions are a part of the answer to the call.
        if !config.elicitation || matches!(config.transport, Transport::Http(_)) || connection.is_modern() {
            return Ok(Seat { connection, alone: None });
        }
        let end = Instant::now() + limits::CALL_QUEUE + config.timeouts.connect;
        let busy = || McpError::about(ErrorKind::Busy, &config.id, "no turn in time");
        let turn = timeout_at(end, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(busy()) };
        let (connection, seat) = timeout_at(end, self.alone(connection)).await.map_err(|_| busy())??;
        let alone = Alone { slot: Arc::clone(self), is_over: true, _seat: seat, _turn: turn };
        Ok(Seat { connection, alone: Some(alone) })
    }

    async fn alone(
        self: &Arc<Self>,
        mut connection: Arc<Connection>,
    ) -> Result<(Arc<Connection>, OwnedSemaphorePermit), McpError> {
        loop {
            let free = Arc::clone(connection.seat()).acquire_owned();
            tokio::select! {
                biased;
                seat = free => match seat {
                    Ok(seat) if connection.is_usable() => return Ok((connection, seat)),
                    _ => {}
                },
                () = connection.asks() => self.set_apart(&connection),
                () = sleep(limits::CALL_ALONE) => self.set_apart(&connection),
            }
            connection = self.connection().await?;
        }
    }

    /// Leaves a connection to the call that is on it: who comes next gets another one.
    fn set_apart(&self, connection: &Arc<Connection>) {
        if self.unlink(connection) {
            let mut apart = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
            apart.retain(|connection| connection.strong_count() > 0);
            apart.push(Arc::downgrade(connection));
        }
    }

    /// The connections that were set apart and live.
    pub(super) fn apart(&self) -> Vec<Arc<Connection>> {
        let apart = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
        apart.iter().filter_map(Weak::upgrade).collect()
    }
}
