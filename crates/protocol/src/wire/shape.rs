//! What each wire type may hold, as data: derived from the same lists of members as its serde code, so that a strict
//! reader needs no second description.

/// The form of a value.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Any JSON.
    Any,
    /// A string.
    Text,
    /// `true` or `false`.
    Bool,
    /// An integer between `min` and 2^53 - 1.
    Integer {
        /// The least one.
        min: i64,
    },
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A JSON Pointer (RFC 6901).
    Pointer,
    /// An object with whatever members.
    Open,
    /// An array of such values.
    List(&'static Shape),
    /// A string, or an array of such values.
    TextOrList(&'static Shape),
    /// An object with these members.
    Object(&'static Members),
    /// An object whose form a string member tells.
    Union {
        /// That member.
        tag: &'static str,
        /// The forms by its value.
        forms: &'static [(&'static str, &'static Shape)],
    },
    /// A form that AG-UI 1.0 no longer has: read, but unknown to a strict reader.
    Retired,
}

/// The members of an object.
#[derive(Debug)]
pub struct Members {
    /// A member with a fixed value.
    pub tag: Option<(&'static str, &'static str)>,
    /// The others.
    pub list: &'static [Member],
    /// Members that are not listed are data, too.
    pub open: bool,
}

/// One member of an object.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub key: &'static str,
    /// Whether it has to be there.
    pub need: Need,
    /// What it holds.
    pub shape: &'static Shape,
}

/// Whether a member has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It has to.
    Required,
    /// It has to, as an array that is not empty.
    Filled,
    /// It may be absent, but not `null`.
    Optional,
    /// It may be absent, and `null` is the same.
    Nullable,
}

impl Members {
    /// The member with this name.
    pub(crate) fn get(&self, key: &str) -> Option<&'static Member> {
        self.list.iter().find(|member| member.key == key)
    }

    /// The tag under this name has this value.
    pub(crate) fn is_tag(&self, key: &str) -> bool {
        self.tag.is_some_and(|(tag, _)| tag == key)
    }
}

const fn operation(op: &'static str, list: &'static [Member]) -> Members {
    Members { tag: Some(("op", op)), list, open: true }
}

const PATH: Member = Member { key: "path", need: Need::Required, shape: &Shape::Pointer };
const FROM: Member = Member { key: "from", need: Need::Required, shape: &Shape::Pointer };
const VALUE: Member = Member { key: "value", need: Need::Required, shape: &Shape::Any };

/// A JSON Patch (RFC 6902). Its operations ignore members that they do not define.
pub(crate) const PATCH: Shape = Shape::List(&Shape::Union {
    tag: "op",
    forms: &[
        ("add", &Shape::Object(&operation("add", &[PATH, VALUE]))),
        ("remove", &Shape::Object(&operation("remove", &[PATH]))),
        ("replace", &Shape::Object(&operation("replace", &[PATH, VALUE]))),
        ("move", &Shape::Object(&operation("move", &[FROM, PATH]))),
        ("copy", &Shape::Object(&operation("copy", &[FROM, PATH]))),
        ("test", &Shape::Object(&operation("test", &[PATH, VALUE]))),
    ],
});
