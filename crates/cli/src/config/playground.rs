//! `[playground]`: the pages that the server has of its own.

use serde::Deserialize;
use std::net::IpAddr;

/// `[playground]`: the pages that the server has of its own: a chat at `/`, the description of its routes at `/docs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct PlaygroundConfig {
    /// Whether the pages are served. They need no token and hold no data; what they ask the server for does.
    /// `"loopback"`: where the server listens for this machine alone.
    pub enabled: PlaygroundSwitch,
}

/// Whether the pages are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(untagged, expecting = "expected true, false or \"loopback\"")]
pub enum PlaygroundSwitch {
    /// On every address, or nowhere.
    Always(bool),
    /// Where the server listens for this machine alone.
    Where(PlaygroundWord),
}

/// The word for [`PlaygroundSwitch::Where`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum PlaygroundWord {
    /// Where the server listens for this machine alone.
    Loopback,
}

impl Default for PlaygroundSwitch {
    fn default() -> Self {
        Self::Where(PlaygroundWord::Loopback)
    }
}

impl PlaygroundSwitch {
    /// Whether a server that listens on `address` has the pages.
    pub fn serves(self, address: IpAddr) -> bool {
        match self {
            Self::Always(always) => always,
            Self::Where(PlaygroundWord::Loopback) => address.is_loopback(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_the_pages_are_for_this_machine() {
        let (here, everywhere) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0]));
        let read = |text: &str| toml::from_str::<PlaygroundConfig>(text).map(|config| config.enabled);
        for (text, expected) in [
            ("", (true, false)),
            ("enabled = \"loopback\"", (true, false)),
            ("enabled = true", (true, true)),
            ("enabled = false", (false, false)),
        ] {
            let switch = read(text).unwrap();
            assert_eq!((switch.serves(here), switch.serves(everywhere)), expected, "{text}");
        }
        for wrong in ["enabled = \"on\"", "enabled = 1", "enable = true"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
