//! The files of the pages, as they stand in `assets/`.

/// A page: HTML with places that are filled from the configuration.
pub(super) struct Page {
    pub(super) path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) text: &'static str,
}

/// A file that pages use.
pub(super) struct Asset {
    pub(super) path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

pub(super) const PAGES: &[Page] = &[
    Page { path: "/", content_type: HTML, text: include_str!("../../assets/playground/index.html") },
    Page { path: "/docs", content_type: HTML, text: include_str!("../../assets/docs/index.html") },
];

/// One for each file: a test compares the list with the folders.
macro_rules! assets {
    ($($kind:ident $path:literal,)*) => {
        &[$(Asset { path: concat!("/", $path), content_type: $kind, text: include_str!(concat!("../../assets/", $path)) }),*]
    };
}

#[rustfmt::skip]
pub(super) const ASSETS: &[Asset] = assets![
    CSS "docs/docs.css",
    JS "docs/docs.js",
    JS "docs/example.js",
    JS "docs/schema-view.js",
    JS "playground/activity-view.js",
    JS "playground/api.js",
    CSS "playground/base.css",
    JS "playground/boot.js",
    CSS "playground/chat.css",
    JS "playground/composer.js",
    JS "playground/conversation.js",
    JS "playground/dom.js",
    JS "playground/event-rows.js",
    JS "playground/events-view.js",
    SVG "playground/icon.svg",
    CSS "playground/inspector.css",
    JS "playground/inspector.js",
    JS "playground/layout.js",
    JS "playground/main.js",
    JS "playground/markdown-inline.js",
    JS "playground/markdown-view.js",
    JS "playground/markdown.js",
    JS "playground/message-view.js",
    JS "playground/note-view.js",
    JS "playground/overlays.js",
    JS "playground/patch.js",
    JS "playground/prices.js",
    JS "playground/question-form.js",
    JS "playground/session.js",
    JS "playground/setup-view.js",
    JS "playground/share.js",
    CSS "playground/shell.css",
    JS "playground/sse.js",
    JS "playground/state-view.js",
    JS "playground/suggest.js",
    JS "playground/theme.js",
    JS "playground/threads.js",
    JS "playground/tool-result.js",
    JS "playground/tool-view.js",
    JS "playground/transcript.js",
    JS "playground/usage.js",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_file_of_the_folders_is_served() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let mut found = BTreeSet::new();
        for folder in ["docs", "playground"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                found.insert(format!("/{folder}/{}", entry.unwrap().file_name().to_str().unwrap()));
            }
        }
        let served: BTreeSet<_> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
        let pages: BTreeSet<_> = ["/docs/index.html", "/playground/index.html"].map(str::to_owned).into();
        assert_eq!(found, served.union(&pages).cloned().collect::<BTreeSet<_>>());
        for asset in ASSETS {
            assert_eq!(asset.text, std::fs::read_to_string(root.join(&asset.path[1..])).unwrap());
        }
    }
}
