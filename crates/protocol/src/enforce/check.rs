//! Whether every described member is there and right.

use super::members_of;
use super::tree::{Fields, Tree};
use crate::wire::{Json, MAX_SAFE_INTEGER, Members, Need, Shape, WireError};

/// Checks a value that was stripped.
pub(super) fn check(tree: &Tree, shape: &'static Shape) -> Result<(), WireError> {
    let wrong = |expected: &str| Err(error(format!("expected {expected}")));
    match (shape, tree) {
        (Shape::Any | Shape::Retired, _) => Ok(()),
        (Shape::Object(members), Tree::Object(fields)) => object(fields, members),
        (Shape::Union { tag, forms }, Tree::Object(fields)) => {
            let value = fields.text(tag).unwrap_or_default();
            match forms.iter().find(|(name, _)| *name == value).and_then(|(_, shape)| members_of(shape)) {
                Some(members) => object(fields, members),
                None => Err(WireError { path: (*tag).to_owned(), message: "unknown value".to_owned(), syntax: false }),
            }
        }
        (Shape::Object(_) | Shape::Union { .. }, _) => wrong("an object"),
        (Shape::List(item) | Shape::TextOrList(item), Tree::List(items)) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| check(value, item).map_err(|error| below(&format!("[{index}]"), error))),
        (Shape::TextOrList(_), Tree::Text(json)) if is_text(json) => Ok(()),
        (Shape::TextOrList(_), _) => wrong("a string or an array"),
        (Shape::List(_), _) => wrong("an array"),
        (Shape::Text, Tree::Text(json)) if is_text(json) => Ok(()),
        (Shape::Text, _) => wrong("a string"),
        (Shape::Bool, Tree::Text(json)) if matches!(json.get(), "true" | "false") => Ok(()),
        (Shape::Bool, _) => wrong("true or false"),
        (Shape::Integer { min }, Tree::Text(json)) if is_integer(json, *min) => Ok(()),
        (Shape::Integer { min }, _) => wrong(&format!("an integer from {min} to {MAX_SAFE_INTEGER}")),
        (Shape::OneOf(values), _) => match tree.string() {
            Some(text) if values.contains(&text.as_str()) => Ok(()),
            _ => wrong(&format!("one of {}", values.join(", "))),
        },
        (Shape::Pointer, _) => match tree.string() {
            Some(text) if is_pointer(&text) => Ok(()),
            _ => wrong("a JSON Pointer"),
        },
        (Shape::Open, Tree::Object(_)) => Ok(()),
        (Shape::Open, Tree::Text(json)) if json.is_object() => Ok(()),
        (Shape::Open, _) => wrong("an object"),
    }
}

fn object(fields: &Fields, members: &'static Members) -> Result<(), WireError> {
    if let Some((tag, value)) = members.tag
        && fields.text(tag).as_deref() != Some(value)
    {
        return Err(WireError { path: tag.to_owned(), message: format!("expected {value}"), syntax: false });
    }
    for member in members.list {
        match (fields.get(member.key), member.need) {
            (None, Need::Required | Need::Filled) => {
                return Err(below(member.key, error("this member is required".to_owned())));
            }
            (None, _) => {}
            (Some(value), Need::Nullable) if value.is_null() => {}
            (Some(Tree::List(items)), Need::Filled) if items.is_empty() => {
                return Err(below(member.key, error("expected at least one element".to_owned())));
            }
            (Some(value), Need::Optional) if value.is_null() => {
                return Err(below(member.key, error("null is not allowed here: leave the member out".to_owned())));
            }
            (Some(value), _) => check(value, member.shape).map_err(|error| below(member.key, error))?,
        }
    }
    Ok(())
}

fn error(message: String) -> WireError {
    WireError { path: String::new(), message, syntax: false }
}

fn below(step: &str, mut error: WireError) -> WireError {
    let dot = if error.path.is_empty() || error.path.starts_with('[') { "" } else { "." };
    error.path = format!("{step}{dot}{}", error.path);
    error
}

fn is_text(json: &Json) -> bool {
    json.get().starts_with('"')
}

/// As JavaScript reads it: 1.0 and 1e3 are integers.
fn is_integer(json: &Json, min: i64) -> bool {
    json.get()
        .parse::<f64>()
        .is_ok_and(|number| number.fract() == 0.0 && (min as f64..=MAX_SAFE_INTEGER as f64).contains(&number))
}

/// RFC 6901: empty, or tokens behind slashes, with a tilde only as `~0` and `~1`.
fn is_pointer(text: &str) -> bool {
    let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escaped
}
