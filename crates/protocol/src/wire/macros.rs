//! The two macros that write the serde code of every wire type.

/// An object: `field: Type = "member" kind`, where kind is
/// `req` (must be there), `opt` (may be absent; `null` is read as absent), `str` (as `opt`, but `null` is refused) or
/// `list` (an array that is empty when absent and always written), `nil` (as `opt`, where even a strict reader takes
/// `null` for absent) or `some` (as `req`, and a strict reader wants an element in it). A tag, if any, is written first
/// and checked.
///
/// For the JSON Schema alone: `as ("Name")` where the specification calls the type otherwise, and a keyword in
/// parentheses after a kind, such as `("default" = true)`.
macro_rules! wire_struct {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident $(($tag:literal = $value:literal))? $(as ($title:expr))? {
            $(
                $(#[doc = $fdoc:literal])*
                $field:ident : $ty:ty = $key:literal $kind:ident $(($keyword:literal = $bound:literal))?,
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $( $(#[doc = $fdoc])* pub $field: $crate::wire::macros::field_type!($kind $ty), )*
            /// Members that the specification does not name.
            pub extra: $crate::wire::Extra,
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $( map.serialize_entry($tag, $value)?; )?
                $( $crate::wire::macros::write_field!($kind map, $key, self.$field); )*
                self.extra.write(&mut map)?;
                map.end()
            }
        }

        impl $crate::wire::Wire for $name {
            const SHAPE: &'static $crate::wire::Shape = &$crate::wire::Shape::Object(&$crate::wire::Members {
                tag: $crate::wire::macros::tag!($($tag = $value)?),
                list: &[$( $crate::wire::Member {
                    key: $key,
                    need: $crate::wire::macros::need!($kind),
                    shape: <$ty as $crate::wire::Wire>::SHAPE,
                } ),*],
                open: false,
            });

            fn read<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ObjectVisitor;
                impl<'de> serde::de::Visitor<'de> for ObjectVisitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        $( let mut $field: Option<$ty> = None; )*
                        let mut extra = $crate::wire::Extra::default();
                        while let Some(key) = map.next_key::<$crate::wire::Key<'de>>()? {
                            match &*key.0 {
                                $( $tag => {
                                    let value = $crate::wire::next_seed(&mut map, $tag, $crate::wire::Seed::<String>::new())?;
                                    if value != $value {
                                        let message = format!("expected `{}`, found `{value}`", $value);
                                        return Err($crate::wire::at($tag, serde::de::Error::custom(message)));
                                    }
                                } )?
                                $( $key => $crate::wire::macros::read_field!($kind map, $key, $field, extra), )*
                                _ => {
                                    let value = map.next_value::<$crate::wire::Json>()?;
                                    extra.insert(key.0.into_owned(), value);
                                }
                            }
                        }
                        Ok($name { $( $field: $crate::wire::macros::finish_field!($kind $field, $key), )* extra })
                    }
                }
                deserializer.deserialize_map(ObjectVisitor)
            }

            fn tidy(&mut self) -> bool {
                let changed = self.extra.clear();
                $( let changed = $crate::wire::Wire::tidy(&mut self.$field) | changed; )*
                changed
            }

            fn is_tidy(&self) -> bool {
                self.extra.is_clear() $( && $crate::wire::Wire::is_tidy(&self.$field) )*
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <Self as $crate::wire::Wire>::read(deserializer)
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $crate::wire::macros::schema_name!($name $(, $title)?).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut members = $crate::wire::schema::Members::new(generator);
                $( members.tag($tag, $value); )?
                $(
                    members.add::<$ty>($key, stringify!($kind), &[$($fdoc),*], &[$(($keyword, $bound.into()))?]);
                )*
                members.finish(&[$($doc),*])
            }
        }
    };
}

/// What the specification calls a type.
#[cfg(feature = "schemars")]
macro_rules! schema_name {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident, $title:expr) => {
        $title
    };
}

macro_rules! tag {
    () => {
        None
    };
    ($tag:literal = $value:literal) => {
        Some(($tag, $value))
    };
}

macro_rules! need {
    (req) => {
        $crate::wire::Need::Required
    };
    (nil) => {
        $crate::wire::Need::Nullable
    };
    (some) => {
        $crate::wire::Need::Filled
    };
    ($kind:ident) => {
        $crate::wire::Need::Optional
    };
}

macro_rules! field_type {
    (req $ty:ty) => { $ty };
    (some $ty:ty) => { $ty };
    (list $ty:ty) => { $ty };
    (opt $ty:ty) => { Option<$ty> };
    (str $ty:ty) => { Option<$ty> };
    (nil $ty:ty) => { Option<$ty> };
}

macro_rules! write_field {
    (req $map:ident, $key:literal, $value:expr) => {
        $map.serialize_entry($key, &$value)?
    };
    (some $map:ident, $key:literal, $value:expr) => {
        $map.serialize_entry($key, &$value)?
    };
    (list $map:ident, $key:literal, $value:expr) => {
        $map.serialize_entry($key, &$value)?
    };
    ($kind:ident $map:ident, $key:literal, $value:expr) => {
        if let Some(value) = &$value {
            $map.serialize_entry($key, value)?;
        }
    };
}

macro_rules! read_field {
    (opt $map:ident, $key:literal, $field:ident, $extra:ident) => {{
        $field = $crate::wire::next_seed(&mut $map, $key, $crate::wire::OptionSeed::new())?;
        if $field.is_none() { $extra.note_null(); }
    }};
    (list $map:ident, $key:literal, $field:ident, $extra:ident) => {
        $crate::wire::macros::read_field!(opt $map, $key, $field, $extra)
    };
    (nil $map:ident, $key:literal, $field:ident, $extra:ident) => {
        $crate::wire::macros::read_field!(opt $map, $key, $field, $extra)
    };
    ($kind:ident $map:ident, $key:literal, $field:ident, $extra:ident) => {
        $field = Some($crate::wire::next_seed(&mut $map, $key, $crate::wire::Seed::new())?)
    };
}

macro_rules! finish_field {
    (req $field:ident, $key:literal) => {
        match $field {
            Some(value) => value,
            None => return Err($crate::wire::at($key, serde::de::Error::custom("this member is required"))),
        }
    };
    (some $field:ident, $key:literal) => {
        $crate::wire::macros::finish_field!(req $field, $key)
    };
    (list $field:ident, $key:literal) => {
        $field.unwrap_or_default()
    };
    ($kind:ident $field:ident, $key:literal) => {
        $field
    };
}

/// A union of objects told apart by a string member. With `; Unknown`, a value that is not named is kept as it came;
/// without, it is refused with the list of those that are. A variant marked `legacy` is read, and is not in the schema.
macro_rules! wire_union {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident by $tag:literal {
            $( $(#[$vmeta:meta])* $variant:ident($ty:ty) = $value:literal $($legacy:ident)?, )*
            $( ; $(#[$umeta:meta])* $unknown:ident )?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$vmeta])* $variant($ty), )*
            $( $(#[$umeta])* $unknown($crate::wire::Json), )?
        }

        $( impl From<$ty> for $name {
            fn from(value: $ty) -> Self { Self::$variant(value) }
        } )*

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $( Self::$variant(value) => value.serialize(serializer), )*
                    $( Self::$unknown(value) => value.serialize(serializer), )?
                }
            }
        }

        impl $crate::wire::Wire for $name {
            const SHAPE: &'static $crate::wire::Shape = &$crate::wire::Shape::Union {
                tag: $tag,
                forms: &[$( ($value, <$ty as $crate::wire::Wire>::SHAPE) ),*],
            };

            fn read<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let json = <$crate::wire::Json as serde::Deserialize>::deserialize(deserializer)?;
                let tag = $crate::wire::macros::tag_of(json.get(), $tag).map_err(serde::de::Error::custom)?;
                let result = match &*tag {
                    $( $value => $crate::wire::macros::read_text::<$ty>(json.get()).map(Self::$variant), )*
                    other => $crate::wire::macros::unknown!(other, json, $tag, [$($value),*] $(, $unknown)?),
                };
                result.map_err(serde::de::Error::custom)
            }

            fn tidy(&mut self) -> bool {
                match self {
                    $( Self::$variant(value) => $crate::wire::Wire::tidy(value), )*
                    $( Self::$unknown(_) => false, )?
                }
            }

            fn is_tidy(&self) -> bool {
                match self {
                    $( Self::$variant(value) => $crate::wire::Wire::is_tidy(value), )*
                    $( Self::$unknown(_) => true, )?
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <Self as $crate::wire::Wire>::read(deserializer)
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut union = $crate::wire::schema::Union::new(generator);
                $( $crate::wire::macros::variant!(union $ty $(, $legacy)?); )*
                union.finish(&[$($doc),*])
            }
        }
    };
}

#[cfg(feature = "schemars")]
macro_rules! variant {
    ($union:ident $ty:ty) => {
        $union.add::<$ty>()
    };
    ($union:ident $ty:ty, legacy) => {};
}

macro_rules! unknown {
    ($other:ident, $json:ident, $tag:literal, [$($value:literal),*], $unknown:ident) => {{
        let _ = $other;
        Ok(Self::$unknown($json))
    }};
    ($other:ident, $json:ident, $tag:literal, [$($value:literal),*]) => {{
        let known = [$(concat!("`", $value, "`")),*].join(", ");
        let message = format!("unknown value `{}`, expected one of {known}", $other);
        Err($crate::wire::at($tag, <serde_json::Error as serde::de::Error>::custom(message)))
    }};
}

/// The value of the string member `tag` of the object in `text`.
pub(crate) fn tag_of<'a>(text: &'a str, tag: &'static str) -> Result<std::borrow::Cow<'a, str>, serde_json::Error> {
    use crate::wire::{Key, at};
    use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};

    struct TagVisitor(&'static str);
    impl<'de> Visitor<'de> for TagVisitor {
        type Value = Option<Key<'de>>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<Key<'de>>()? {
                if key.0 == self.0 {
                    found = Some(map.next_value::<Key<'de>>().map_err(|error| at(self.0, error))?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match serde::Deserializer::deserialize_map(&mut deserializer, TagVisitor(tag))? {
        Some(value) => Ok(value.0),
        None => Err(at(tag, serde_json::Error::custom("this member is required"))),
    }
}

pub(crate) fn read_text<T: crate::wire::Wire>(text: &str) -> Result<T, serde_json::Error> {
    T::read(&mut serde_json::Deserializer::from_str(text))
}

pub(crate) use {field_type, finish_field, need, read_field, tag, unknown, wire_struct, wire_union, write_field};
#[cfg(feature = "schemars")]
pub(crate) use {schema_name, variant};
