//! Takes out what is not described, and judges nothing that is.

use super::members_of;
use super::tree::{Fields, Tree};
use crate::wire::{Members, Need, Shape};

/// Removes unknown members and union members below `path` and notes their paths. False when the value itself is of an
/// unknown kind: whoever holds it decides what that means.
pub(super) fn strip(tree: &mut Tree, shape: &'static Shape, path: &str, removed: &mut Vec<String>) -> bool {
    match shape {
        Shape::Object(members) => match tree.opened() {
            Tree::Object(fields) => object(fields, members, path, removed),
            _ => true,
        },
        Shape::Union { tag, forms } => match tree.opened() {
            Tree::Object(fields) => {
                let value = fields.text(tag).unwrap_or_default();
                let form = forms.iter().find(|(name, shape)| *name == value && !matches!(shape, Shape::Retired));
                match form.and_then(|(_, shape)| members_of(shape)) {
                    Some(members) => object(fields, members, path, removed),
                    None => false,
                }
            }
            _ => true,
        },
        Shape::List(item) | Shape::TextOrList(item) => {
            if let Tree::List(items) = tree.opened() {
                list(items, item, path, removed);
            }
            true
        }
        _ => true,
    }
}

fn object(fields: &mut Fields, members: &'static Members, path: &str, removed: &mut Vec<String>) -> bool {
    let mut known = true;
    fields.0.retain_mut(|(key, value)| {
        if !known || members.is_tag(key) {
            return true;
        }
        let path = format!("{path}/{key}");
        let Some(member) = members.get(key) else {
            if !members.open {
                removed.push(path);
            }
            return members.open;
        };
        let mark = removed.len();
        if strip(value, member.shape, &path, removed) {
            return true;
        }
        // It goes as a whole, so what was removed inside it is no news.
        removed.truncate(mark);
        if matches!(member.need, Need::Required | Need::Filled) {
            known = false;
            return true;
        }
        removed.push(path);
        false
    });
    known
}

fn list(items: &mut Vec<Tree>, item: &'static Shape, path: &str, removed: &mut Vec<String>) {
    let mut index = 0;
    items.retain_mut(|value| {
        let path = format!("{path}/{index}");
        index += 1;
        let mark = removed.len();
        let known = strip(value, item, &path, removed);
        if !known {
            removed.truncate(mark);
            removed.push(path);
        }
        known
    });
}
