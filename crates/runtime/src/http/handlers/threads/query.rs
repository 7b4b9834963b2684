//! The query of the list.

use super::super::super::answer::Refusal;
use crate::limits;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// Which threads are asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) agent_id: Option<String>,
    pub(super) include_archived: bool,
    pub(super) limit: usize,
    pub(super) cursor: Option<String>,
}

/// Reads a query as `URLSearchParams` writes it. Of a name that is there twice the first counts; others are let be.
pub(super) fn parse(query: &str, id_max: usize) -> Result<Query, Refusal> {
    let find = |name: &str| -> Result<Option<String>, Refusal> {
        let value = query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key).as_deref() == Some(name)).then_some(value)
        });
        match value.map(decoded) {
            None => Ok(None),
            Some(Some(value)) => Ok(Some(value.into_owned()).filter(|value| !value.is_empty())),
            Some(None) => Err(Refusal::invalid_parameter(&format!("{name}: not UTF-8 behind its percent signs"))),
        }
    };
    let agent_id = find("agentId")?;
    if agent_id.as_ref().is_some_and(|id| id.len() > id_max) {
        return Err(Refusal::long_id("agentId", id_max));
    }
    let include_archived = match find("includeArchived")?.as_deref() {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(Refusal::invalid_parameter("includeArchived: expected true or false")),
    };
    let limit = match find("limit")? {
        None => limits::THREAD_PAGE,
        // Whoever asks for more than a page holds gets a page, and its cursor.
        Some(text) => match text.parse::<u64>() {
            Ok(limit) if limit > 0 => usize::try_from(limit).unwrap_or(usize::MAX).min(limits::THREAD_PAGE),
            _ => return Err(Refusal::invalid_parameter("limit: expected a whole number above zero")),
        },
    };
    Ok(Query { agent_id, include_archived, limit, cursor: find("cursor")? })
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    match spaced {
        Cow::Borrowed(text) => percent_decode_str(text).decode_utf8().ok(),
        Cow::Owned(text) => Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Query {
        parse(query, 20).unwrap()
    }

    #[test]
    fn a_query_is_read_as_clients_write_it() {
        let none = Query { agent_id: None, include_archived: false, limit: limits::THREAD_PAGE, cursor: None };
        for query in ["", "agentId=", "other=1&limit", "includeArchived=false", "limit=99999999"] {
            assert_eq!(of(query), none, "{query}");
        }
        let full = of("agentId=a+b%2Fc%C3%A9&includeArchived=true&limit=2&cursor=17%3At&limit=x");
        let expected = Query {
            agent_id: Some("a b/cé".to_owned()),
            include_archived: true,
            limit: 2,
            cursor: Some("17:t".to_owned()),
        };
        assert_eq!(full, expected);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=-1", "limit"),
            ("limit=1.5", "limit"),
            ("limit=x", "limit"),
            ("includeArchived=yes", "includeArchived"),
            ("agentId=%FF", "agentId"),
            ("agentId=123456789012345678901", "agentId"),
        ] {
            let refusal = format!("{:?}", parse(query, 20).unwrap_err());
            assert!(refusal.contains(&format!("\"{name}: ")), "{query}: {refusal}");
        }
    }
}
