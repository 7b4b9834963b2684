//! Where a page of the list of threads ended.

use super::{StoreError, ThreadRecord};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The place of a thread in the list: its order is that of the list, backwards. As text it is what clients get.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListCursor {
    /// [`ThreadRecord::updated_at`] of the thread.
    pub updated_at: u64,
    /// Its id.
    pub id: Arc<str>,
}

impl ListCursor {
    /// The place of a thread.
    pub fn of(record: &ThreadRecord) -> Self {
        Self { updated_at: record.updated_at, id: record.id.clone() }
    }
}

impl fmt::Display for ListCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.updated_at, self.id)
    }
}

impl FromStr for ListCursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let (updated_at, id) = text.split_once(':').ok_or(StoreError::InvalidCursor)?;
        let updated_at = updated_at.parse().map_err(|_| StoreError::InvalidCursor)?;
        Ok(Self { updated_at, id: id.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_whatever_the_id_holds() {
        for id in ["t", "", "a:b", "é/ "] {
            let cursor = ListCursor { updated_at: 17, id: id.into() };
            assert_eq!(cursor.to_string().parse::<ListCursor>().unwrap(), cursor);
        }
        for text in ["", "x", "x:t", ":t", "-1:t", "99999999999999999999:t"] {
            assert!(matches!(text.parse::<ListCursor>(), Err(StoreError::InvalidCursor)), "{text}");
        }
    }
}
