//! One call that draws a surface, while its arguments stream.
//!
//! Components are shown all at once, when their list is complete and can be drawn. Data is shown item by item, since the
//! component that is repeated for each of them is there already.

use super::shape::Surface;
use super::validate::{Catalog, Problem, problems};
use crate::limits;
use crate::middleware::arguments::{Arguments, Found, What, compact};
use copilotkit_protocol::{Json, Object};
use serde_json::Value;
use std::ops::Range;

/// The list of the data model that is shown item by item where no component is repeated over one.
const ITEMS: &str = "items";
/// So many items are shown one by one; after that, each time the list has grown by an eighth. Every time the whole surface
/// is sent, and its history would grow with the square of its items.
const SINGLE_ITEMS: usize = 20;

/// Something to show of a call.
#[derive(Debug, PartialEq)]
pub(super) enum Shown {
    /// The surface, as far as it is complete.
    Surface(Object),
    /// It cannot be drawn.
    Rejected(Vec<Problem>),
}

/// What holds for all calls of a run.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    /// The catalog of the server's configuration, or else that of the page.
    pub(super) catalog_id: Option<&'a str>,
    /// The components that can be drawn, if that is known.
    pub(super) catalog: Option<&'a Catalog>,
}

/// A call and what is known of it.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// Gone when nothing more is to come of it.
    arguments: Option<Arguments>,
    /// UTF-16 units, as pages count.
    length: usize,
    surface_id: Option<String>,
    catalog_id: Option<String>,
    components_at: Option<Range<usize>>,
    data_at: Option<Range<usize>>,
    lists: Vec<List>,
    components: Option<Json>,
    /// The list of the data model that the components repeat something over.
    repeated: String,
    shown_items: usize,
    shown_bytes: usize,
    data_shown: bool,
    /// Why it cannot be drawn, once that is known.
    problems: Option<Vec<Problem>>,
}

/// A list of the data model.
#[derive(Debug)]
struct List {
    name: String,
    start: usize,
    /// Behind its last complete item.
    end: usize,
    items: usize,
}

impl Call {
    pub(super) fn new() -> Self {
        Self { arguments: Some(Arguments::default()), repeated: ITEMS.to_owned(), ..Self::default() }
    }

    /// The components can be drawn, and a page was told.
    pub(super) fn is_painted(&self) -> bool {
        self.components.is_some()
    }

    pub(super) fn surface_id(&self) -> Option<&str> {
        self.surface_id.as_deref()
    }

    /// Why it cannot be drawn.
    pub(super) fn problems(&self) -> Option<&[Problem]> {
        self.problems.as_deref()
    }

    /// About how many tokens of a model were counted.
    pub(super) fn tokens(&self) -> usize {
        (self.length + 2) / 4
    }

    /// Counts a piece of the arguments that is about to come.
    pub(super) fn count(&mut self, piece: &str) {
        self.length += piece.encode_utf16().count();
    }

    /// Takes a piece of the arguments; gives what is to be shown now.
    pub(super) fn push(&mut self, piece: &str, rules: Rules<'_>) -> Vec<Shown> {
        let Some(mut arguments) = self.arguments.take() else { return Vec::new() };
        if !arguments.push(piece, limits::SURFACE_ARGUMENTS) {
            let message = format!("A surface may take {} bytes.", limits::SURFACE_ARGUMENTS);
            return Vec::from_iter(self.reject(vec![Problem::new("too_large", "components", message)]));
        }
        let mut grew = false;
        while let Some(found) = arguments.next() {
            grew = true;
            self.find(&arguments, &found);
        }
        let shown = if grew { self.advance(&arguments, rules) } else { Vec::new() };
        self.arguments = Some(arguments);
        shown
    }

    /// No more arguments come: says what is wrong with them if nothing could be drawn.
    pub(super) fn end(&mut self) {
        let Some(arguments) = self.arguments.take() else { return };
        if self.is_painted() || self.problems.is_some() {
            return;
        }
        let missing = |name: &str| Problem::new("missing_argument", name, format!("`{name}` is missing."));
        let invalid = match serde_json::from_str::<Value>(arguments.whole()) {
            Err(error) => Problem::new("invalid_json", "", format!("The arguments are not JSON: {error}.")),
            Ok(value) if value["surfaceId"].as_str().is_none_or(str::is_empty) => missing("surfaceId"),
            Ok(value) if value["components"].is_null() => missing("components"),
            Ok(_) => {
                Problem::new("empty_components", "components", "`components` must be a list with at least `root`.")
            }
        };
        self.problems = Some(vec![invalid]);
    }

    fn reject(&mut self, problems: Vec<Problem>) -> Option<Shown> {
        // What is on the screen stays there.
        if self.is_painted() {
            return None;
        }
        self.problems = Some(problems.clone());
        Some(Shown::Rejected(problems))
    }

    /// Notes where something is.
    fn find(&mut self, arguments: &Arguments, found: &Found) {
        let (name, range) = (arguments.key(0).unwrap_or_default(), found.range.clone());
        match (found.what, found.depth, name) {
            (What::Complete, 1, "surfaceId") => read(&mut self.surface_id, arguments.text(range)),
            (What::Complete, 1, "catalogId") => read(&mut self.catalog_id, arguments.text(range)),
            (What::Complete, 1, "components") => {
                self.components_at.get_or_insert(range);
            }
            (What::Complete, 1, "data") => {
                self.data_at.get_or_insert(range);
            }
            (What::Began { is_list: true }, 2, "data") => {
                let name = arguments.key(1).unwrap_or_default().to_owned();
                self.lists.push(List { name, start: range.start, end: range.start, items: 0 });
            }
            (What::Complete, 3, "data") => {
                let name = arguments.key(1).unwrap_or_default();
                if let Some(list) = self.lists.last_mut().filter(|list| list.name == name && list.start < range.start) {
                    list.end = range.end;
                    list.items += 1;
                }
            }
            _ => {}
        }
    }

    /// What is to be shown after a piece.
    fn advance(&mut self, arguments: &Arguments, rules: Rules<'_>) -> Vec<Shown> {
        let Some(surface_id) = self.surface_id.clone().filter(|_| self.problems.is_none()) else { return Vec::new() };
        let mut changed = false;
        if self.components.is_none() {
            let Some(range) = self.components_at.clone() else { return Vec::new() };
            let text = arguments.text(range);
            let found = match serde_json::from_str::<Vec<Value>>(text) {
                Ok(components) => {
                    self.repeated = repeated(&components).unwrap_or_else(|| ITEMS.to_owned());
                    problems(&components, rules.catalog)
                }
                Err(error) => vec![Problem::new("invalid_components", "components", format!("{error}."))],
            };
            if !found.is_empty() {
                return Vec::from_iter(self.reject(found));
            }
            self.components = compact(text).ok();
            changed = true;
        }
        let Some(components) = &self.components else { return Vec::new() };
        let streamed = self.catalog_id.as_deref().filter(|id| *id != "basic" && !id.is_empty());
        let catalog = rules.catalog_id.or(streamed).unwrap_or(super::shape::BASIC_CATALOG);
        let surface = |data: Option<&Json>| Surface { id: &surface_id, catalog, components, data }.content();
        let mut shown = Vec::new();
        let list = self.lists.iter().find(|list| list.name == self.repeated).filter(|_| !self.data_shown);
        let items = list.filter(|list| {
            let bytes = list.end - list.start;
            let grown = list.items <= SINGLE_ITEMS || bytes >= self.shown_bytes + self.shown_bytes / 8;
            list.items > self.shown_items && grown
        });
        let data = items.and_then(|list| {
            (self.shown_items, self.shown_bytes) = (list.items, list.end - list.start);
            let items = compact(&format!("{}]", arguments.text(list.start..list.end))).ok()?;
            Some(Json::of(&std::collections::BTreeMap::from([(list.name.as_str(), items)])))
        });
        if changed || data.is_some() {
            shown.push(Shown::Surface(surface(data.as_ref())));
        }
        // All of it, whatever it looks like.
        if let Some(range) = self.data_at.clone().filter(|_| !self.data_shown) {
            self.data_shown = true;
            let data = compact(arguments.text(range)).ok().filter(Json::is_object);
            shown.extend(data.map(|data| Shown::Surface(surface(Some(&data)))));
        }
        shown
    }
}

/// A string, unless there is one already.
fn read(to: &mut Option<String>, json: &str) {
    if to.is_none() {
        *to = serde_json::from_str(json).ok().filter(|text: &String| !text.is_empty());
    }
}

/// The list of the data model that something is repeated over: `children: {componentId, path: "/items"}`.
fn repeated(components: &[Value]) -> Option<String> {
    components.iter().find_map(|component| {
        let path = component.get("children")?.get("path")?.as_str()?;
        (!path.is_empty()).then(|| path.strip_prefix('/').unwrap_or(path).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RULES: Rules<'_> = Rules { catalog_id: None, catalog: None };

    /// What a page has been shown after each piece: surfaces by their data, rejections by their first code.
    fn shown(pieces: &[&str]) -> Vec<Vec<Value>> {
        let mut call = Call::new();
        let each = pieces.iter().map(|piece| {
            let shown = call.push(piece, RULES).into_iter().map(|shown| match shown {
                Shown::Surface(content) => {
                    let content = content.as_json().to_value();
                    assert_eq!(content["a2ui_operations"][0]["createSurface"]["surfaceId"], "s");
                    content["a2ui_operations"][2]["updateDataModel"]["value"].clone()
                }
                Shown::Rejected(problems) => problems[0].code.into(),
            });
            shown.collect()
        });
        each.collect()
    }

    const TREE: &str = r#""components":[{"id":"root","component":"List","children":{"componentId":"t","path":"/rows"}},{"id":"t","component":"Text"}]"#;

    #[test]
    fn data_is_shown_item_by_item_in_the_list_that_is_repeated() {
        let found = shown(&[
            "{\"surfaceId\":\"s\",",
            TREE,
            ",\"data\":{\"items\":[1,2],\"rows\":[{\"n\":1}",
            ",{\"n\"",
            ":2},\n",
            " {\"n\":3}]",
            ",\"more\":true}}",
        ]);
        let rows = |count: usize| json!({ "rows": (1..=count).map(|n| json!({ "n": n })).collect::<Vec<_>>() });
        let expected = vec![
            vec![],
            vec![json!(null)],
            vec![rows(1)],
            vec![],
            vec![rows(2)],
            vec![rows(3)],
            vec![json!({ "items": [1, 2], "rows": rows(3)["rows"], "more": true })],
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn whatever_comes_first_the_surface_comes_with_its_components() {
        let all = format!("{{\"data\":{{\"rows\":[1]}},{TREE},\"surfaceId\":\"s\"}}");
        assert_eq!(shown(&[&all]), [[json!({ "rows": [1] }), json!({ "rows": [1] })]]);
        let mut pieces = vec!["{\"data\":{\"rows\":[1]},", TREE, ",\"surfaceId\":\"s\"}"];
        assert_eq!(shown(&pieces), [vec![], vec![], vec![json!({ "rows": [1] }), json!({ "rows": [1] })]]);
        pieces.truncate(2);
        assert_eq!(shown(&pieces).concat(), [] as [Value; 0]);
    }

    #[test]
    fn components_that_cannot_be_drawn_are_rejected_once() {
        let found =
            shown(&["{\"surfaceId\":\"s\",\"components\":[{\"id\":\"a\",\"component\":\"T\"}]", ",\"data\":{}}"]);
        assert_eq!(found, [vec![json!("no_root")], vec![]]);
        assert_eq!(shown(&["{\"surfaceId\":\"s\",\"components\":{}}"]), [[json!("invalid_components")]]);
        let long = format!("{{\"surfaceId\":\"s\",\"x\":\"{}", "x".repeat(limits::SURFACE_ARGUMENTS));
        assert_eq!(shown(&[&long]), [[json!("too_large")]]);
    }

    #[test]
    fn what_was_never_drawn_says_why_at_its_end() {
        for (arguments, code) in [
            ("{\"surfaceId\":\"s\",", "invalid_json"),
            ("{\"components\":[{\"id\":\"root\",\"component\":\"T\"}]}", "missing_argument"),
            ("{\"surfaceId\":\"s\"}", "missing_argument"),
            ("", "invalid_json"),
        ] {
            let mut call = Call::new();
            assert_eq!(call.push(arguments, RULES), []);
            call.end();
            assert_eq!(call.problems().unwrap()[0].code, code, "{arguments}");
        }
    }

    /// A long list is not sent again for each of its items.
    #[test]
    fn a_long_list_costs_a_few_times_its_size() {
        let item = format!("{{\"text\":\"{}\"}},", "x".repeat(90));
        let mut call = Call::new();
        call.push("{\"surfaceId\":\"s\",", RULES);
        call.push(TREE, RULES);
        call.push(",\"data\":{\"rows\":[", RULES);
        let mut bytes = 0;
        for _ in 0..2_000 {
            let shown = call.push(&item, RULES).into_iter();
            bytes += shown
                .map(|shown| if let Shown::Surface(content) = shown { content.get().len() } else { 0 })
                .sum::<usize>();
        }
        assert!((2_000 * 100..2_000 * 100 * 12).contains(&bytes), "{bytes}");
    }
}
