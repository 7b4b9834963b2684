//! The pages that the server has of its own: a chat at `/`, and the description of its routes at `/docs`. All of them are
//! files of this crate that are part of the binary. They use the routes that every page may use, and hold no data, so they
//! are open where the routes want a token. One route is their own, and asks for the same token: what tokens cost.

mod assets;
mod openapi;
mod prices;

use crate::config::{Config, ModeName};
use assets::{ASSETS, PAGES};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use copilotkit_runtime::http::Surface;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use std::hash::{DefaultHasher, Hasher as _};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// Nothing but the files of this server: no script in a page's text, no other host, no frame around it. What is said in a
/// conversation can neither run nor send anything, even if the page that shows it made a mistake.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const OPENAPI: &str = "/openapi.json";

/// The server with its pages in front of it, where the configuration wants them on an address like this one. What is asked
/// for at their paths by another method goes to the surface: with the base path `/` that is where its envelope is.
pub fn with_pages(mut server: Router, surface: &Surface, config: &Config, address: IpAddr) -> Router {
    if !config.playground.enabled.serves(address) {
        return server;
    }
    let pages = PAGES.iter().map(|page| (page.path, File::of(page.content_type, filled(page.text, config))));
    let assets = ASSETS.iter().map(|asset| (asset.path, File::of(asset.content_type, asset.text)));
    let bases = config.server.base_path.items().to_vec();
    let metrics = config.telemetry.metrics;
    let api = File::made("application/json", move || openapi::document(&bases, metrics).into());
    for (path, file) in pages.chain(assets).chain([(OPENAPI, api)]) {
        let file = Arc::new(file);
        // HEAD comes along with GET.
        let serve = get(move |request: Request<Body>| {
            let answer = file.answer(request.headers());
            async move { answer }
        });
        server = server.route(path, serve.fallback_service(surface.clone()));
    }
    server.route(prices::PATH, prices::route(surface))
}

/// A page with what it has to know of the configuration. It is the same for everybody.
fn filled(text: &str, config: &Config) -> String {
    let base = config.server.base_path.items().first().map_or("", String::as_str);
    let mode = match config.server.mode {
        ModeName::Single => "single",
        ModeName::Both | ModeName::Multi => "both",
    };
    // A browser asks for all modules at once in place of one after the other, as they name each other.
    let modules = ASSETS.iter().filter(|asset| asset.path.starts_with("/playground/") && asset.path.ends_with(".js"));
    let preload: String =
        modules.map(|asset| format!("<link rel=\"modulepreload\" href=\"{}\">", &asset.path[1..])).collect();
    text.replace("{{base}}", &escaped(base))
        .replace("{{mode}}", mode)
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
        .replace("{{preload}}", &preload)
}

/// A text as the value of an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

/// A file that the server has.
struct File {
    content_type: &'static str,
    make: Box<dyn Fn() -> Bytes + Send + Sync>,
    /// Its bytes and its tag, made when somebody first asks for it.
    made: OnceLock<(Bytes, String)>,
}

impl File {
    fn of(content_type: &'static str, text: impl Into<Bytes>) -> Self {
        let text = text.into();
        Self::made(content_type, move || text.clone())
    }

    fn made(content_type: &'static str, make: impl Fn() -> Bytes + Send + Sync + 'static) -> Self {
        Self { content_type, make: Box::new(make), made: OnceLock::new() }
    }

    fn answer(&self, request: &HeaderMap) -> Response<Body> {
        let (bytes, tag) = self.made.get_or_init(|| {
            let bytes = (self.make)();
            let mut hasher = DefaultHasher::new();
            hasher.write(&bytes);
            let tag = format!("\"{:016x}\"", hasher.finish());
            (bytes, tag)
        });
        let known = request.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        let known = known.is_some_and(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
        let mut response = match known {
            true => Response::new(Body::empty()),
            false => Response::new(Body::from(bytes.clone())),
        };
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        let fixed = [
            (CONTENT_TYPE, self.content_type),
            // Kept, but asked for each time: another version of the server has other files.
            (CACHE_CONTROL, "no-cache"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (OPENER_POLICY, "same-origin"),
        ];
        headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
        if let Ok(tag) = HeaderValue::from_str(tag) {
            headers.insert(ETAG, tag);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OneOrMany;

    #[test]
    fn a_page_knows_the_base_path_and_nothing_else_of_the_configuration() {
        let mut config = Config::default();
        config.server.base_path = OneOrMany::Many(vec!["/a\"><script>".to_owned(), "/b".to_owned()]);
        config.server.mode = ModeName::Single;
        for page in PAGES {
            let text = filled(page.text, &config);
            assert!(!text.contains("{{") && !text.contains("\"><script>"), "{}", page.path);
        }
        let chat = filled(PAGES[0].text, &config);
        assert!(chat.contains(r#"data-base="/a&quot;>&lt;script>" data-mode="single""#), "{chat}");
        assert!(chat.contains(r#"<link rel="modulepreload" href="playground/session.js">"#));
    }

    #[test]
    fn a_page_has_no_script_or_style_of_its_own() {
        for page in PAGES {
            for script in page.text.split("<script").skip(1) {
                assert!(script.split('>').next().is_some_and(|tag| tag.contains("src=\"")), "{}: {script}", page.path);
            }
            assert!(!page.text.contains("<style") && !page.text.contains(" style="), "{}", page.path);
        }
        // What a frame, a script of somebody else or another host would need.
        for word in ["unsafe", "http", "*", "blob:"] {
            assert!(!POLICY.contains(word), "{word}");
        }
    }

    #[test]
    fn a_file_that_is_known_is_not_sent_again() {
        let file = File::of("text/css", "a {}");
        let mut request = HeaderMap::new();
        let first = file.answer(&request);
        assert_eq!(
            (first.status(), &first.headers()[CONTENT_TYPE]),
            (StatusCode::OK, &HeaderValue::from_static("text/css"))
        );
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        for (known, status) in [
            (tag.clone(), StatusCode::NOT_MODIFIED),
            (format!("\"other\", W/{tag}"), StatusCode::NOT_MODIFIED),
            ("\"other\"".to_owned(), StatusCode::OK),
        ] {
            request.insert(IF_NONE_MATCH, known.parse().unwrap());
            assert_eq!(file.answer(&request).status(), status, "{known}");
        }
        assert_ne!(File::of("text/css", "b {}").answer(&request).headers()[ETAG].to_str().unwrap(), tag);
    }
}
