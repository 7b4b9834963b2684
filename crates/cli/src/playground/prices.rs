//! `/playground/prices?model=PROVIDER/MODEL`: what tokens cost. The prices of a configuration may be nobody else's
//! business, so who asks has to be somebody who may use the server.

use axum::body::Body;
use axum::routing::{MethodRouter, get};
use copilotkit_runtime::http::Surface;
use copilotkit_runtime::telemetry::{Price, Prices};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Request, Response};
use std::collections::BTreeMap;

pub(super) const PATH: &str = "/playground/prices";

/// Answers with the prices of the models that the query names. Those that have none are left out.
pub(super) fn route(surface: &Surface) -> MethodRouter {
    let surface = surface.clone();
    let methods = surface.clone();
    let answer = get(move |request: Request<Body>| async move {
        let (mut parts, _) = request.into_parts();
        let mut response = match surface.admit(&mut parts).await {
            Ok(_) => {
                let known = asked_for(surface.lifecycle().prices(), parts.uri.query().unwrap_or_default());
                let mut answer = Response::new(Body::from(serde_json::to_vec(&known).unwrap_or_default()));
                answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                answer
            }
            Err(refused) => refused,
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    });
    answer.fallback_service(methods)
}

fn asked_for(prices: &Prices, query: &str) -> BTreeMap<String, Price> {
    let models = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "model");
    let known = |model: String| {
        let (provider, name) = model.split_once('/')?;
        Some((prices.find(provider, name)?, model)).map(|(price, model)| (model, price))
    };
    models.filter_map(|(_, model)| known(model.into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_answered_under_the_name_that_was_asked_for() {
        let prices = Prices::default();
        let query =
            "model=openai%2Fgpt-4o-mini-2031-01-02&model=Gemini/gemini-2.5-pro&model=nobody/x&model=gpt-4o&other=1";
        let found = asked_for(&prices, query);
        let expected = [
            ("Gemini/gemini-2.5-pro", prices.find("google", "gemini-2.5-pro")),
            ("openai/gpt-4o-mini-2031-01-02", prices.find("openai", "gpt-4o-mini")),
        ];
        let expected = expected.map(|(model, price)| (model.to_owned(), price.unwrap()));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_price_has_the_names_of_the_list() {
        let price = Price { input: 2.0, cached_input: Some(0.5), cache_write: None, output: 10.0 };
        assert_eq!(serde_json::to_string(&price).unwrap(), r#"{"input":2.0,"cachedInput":0.5,"output":10.0}"#);
    }
}
