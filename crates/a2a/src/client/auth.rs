//! Credentials in the places where a card wants them.

use crate::error::A2aError;
use crate::types::{AgentCard, KeyLocation, SecurityRequirement, SecurityScheme};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;
use url::Url;

/// A user in the address becomes a header, so that the address can be shown.
pub(super) fn take_user(url: &mut Url, headers: &mut HeaderMap) -> Result<(), A2aError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(());
    }
    let decode = |text: &str| percent_decode(text);
    let plain = format!("{}:{}", decode(url.username()), decode(url.password().unwrap_or_default()));
    // Both fail only for addresses without a host.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    if !headers.contains_key(AUTHORIZATION) {
        headers.insert(AUTHORIZATION, secret(&format!("Basic {}", BASE64_STANDARD.encode(plain)))?);
    }
    Ok(())
}

fn percent_decode(text: &str) -> String {
    // The form decoder of `url` knows percent signs; a plus must stay one.
    let escaped = text.replace('+', "%2B");
    url::form_urlencoded::parse(escaped.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

fn secret(text: &str) -> Result<HeaderValue, A2aError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| A2aError::Config("a credential has characters that no header may have".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Puts the credentials of the first requirement that can be met into a request. A header that is there already wins.
pub(super) fn apply(
    card: &AgentCard,
    credentials: &BTreeMap<String, SecretString>,
    headers: &mut HeaderMap,
    url: &mut Url,
) -> Result<(), A2aError> {
    if credentials.is_empty() {
        return Ok(());
    }
    let met = |requirement: &&SecurityRequirement| {
        !requirement.0.is_empty() && requirement.0.keys().all(|name| credentials.contains_key(name))
    };
    let names: Vec<&String> = match card.security_requirements.iter().find(met) {
        Some(requirement) => requirement.0.keys().collect(),
        // Many cards list schemes and forget to require them.
        None if card.security_requirements.is_empty() => credentials.keys().collect(),
        None => return Ok(()),
    };
    for name in names {
        if let (Some(scheme), Some(credential)) = (card.security_schemes.get(name), credentials.get(name)) {
            put(scheme, credential.expose_secret(), headers, url)?;
        }
    }
    Ok(())
}

fn put(scheme: &SecurityScheme, credential: &str, headers: &mut HeaderMap, url: &mut Url) -> Result<(), A2aError> {
    match scheme {
        SecurityScheme::ApiKey { location: KeyLocation::Header, name, .. } => {
            let name = HeaderName::try_from(name.as_str())
                .map_err(|_| A2aError::Config("the card names a header that HTTP does not allow".to_owned()))?;
            let value = secret(credential)?;
            headers.entry(name).or_insert(value);
        }
        SecurityScheme::ApiKey { location: KeyLocation::Query, name, .. } => {
            url.query_pairs_mut().append_pair(name, credential);
        }
        SecurityScheme::ApiKey { location: KeyLocation::Cookie, name, .. } => {
            headers.append(COOKIE, secret(&format!("{name}={credential}"))?);
        }
        SecurityScheme::Http { scheme, .. } if scheme.eq_ignore_ascii_case("basic") => {
            // `user:password`, or the two encoded already.
            let encoded =
                if credential.contains(':') { BASE64_STANDARD.encode(credential) } else { credential.to_owned() };
            let value = secret(&format!("Basic {encoded}"))?;
            headers.entry(AUTHORIZATION).or_insert(value);
        }
        SecurityScheme::Http { scheme, .. } => {
            let word = if scheme.eq_ignore_ascii_case("bearer") || scheme.is_empty() { "Bearer" } else { scheme };
            let value = secret(&format!("{word} {credential}"))?;
            headers.entry(AUTHORIZATION).or_insert(value);
        }
        SecurityScheme::OAuth2 { .. } | SecurityScheme::OpenIdConnect { .. } => {
            let value = secret(&format!("Bearer {credential}"))?;
            headers.entry(AUTHORIZATION).or_insert(value);
        }
        SecurityScheme::MutualTls { .. } | SecurityScheme::Unknown => {}
    }
    Ok(())
}

/// What a card wants, for people.
pub(super) fn wanted(card: &AgentCard) -> String {
    let name = |(name, scheme): (&String, &SecurityScheme)| format!("`{name}` ({scheme})");
    let list = card.security_schemes.iter().map(name).collect::<Vec<_>>().join(" or ");
    if list.is_empty() {
        "credentials that its card does not name".to_owned()
    } else {
        crate::guard::clean_line(&list, 500)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(json: &str) -> AgentCard {
        serde_json::from_str(json).unwrap()
    }

    fn applied(card: &AgentCard, credentials: &[(&str, &str)]) -> (HeaderMap, String) {
        let credentials =
            credentials.iter().map(|(name, secret)| ((*name).to_owned(), SecretString::from(*secret))).collect();
        let (mut headers, mut url) = (HeaderMap::new(), Url::parse("https://a/rpc").unwrap());
        apply(card, &credentials, &mut headers, &mut url).unwrap();
        assert!(headers.values().all(HeaderValue::is_sensitive));
        (headers, url.into())
    }

    #[test]
    fn a_credential_goes_where_the_card_wants_it() {
        let card = card(
            r#"{"name":"a","securitySchemes":{
                "key":{"apiKeySecurityScheme":{"location":"header","name":"X-Key"}},
                "query":{"apiKeySecurityScheme":{"location":"query","name":"k"}},
                "cookie":{"type":"apiKey","in":"cookie","name":"c"},
                "bearer":{"httpAuthSecurityScheme":{"scheme":"bearer"}},
                "basic":{"type":"http","scheme":"Basic"},
                "oauth":{"type":"oauth2","flows":{}}},
               "securityRequirements":[{"schemes":{"key":{},"query":{}}},{"schemes":{"bearer":{}}},{"schemes":{"cookie":{}}},
                {"schemes":{"basic":{}}},{"schemes":{"oauth":{"list":["a"]}}}]}"#,
        );
        let (headers, url) = applied(&card, &[("key", "1"), ("query", "2&3"), ("bearer", "t")]);
        assert_eq!((headers["x-key"].to_str().unwrap(), url.as_str()), ("1", "https://a/rpc?k=2%263"));
        assert!(!headers.contains_key(AUTHORIZATION), "only what the first requirement names");
        assert_eq!(applied(&card, &[("bearer", "t")]).0[AUTHORIZATION], "Bearer t");
        assert_eq!(applied(&card, &[("cookie", "t")]).0[COOKIE], "c=t");
        assert_eq!(applied(&card, &[("basic", "user:pass")]).0[AUTHORIZATION], "Basic dXNlcjpwYXNz");
        assert_eq!(applied(&card, &[("oauth", "t")]).0[AUTHORIZATION], "Bearer t");
        assert!(applied(&card, &[("key", "half of it")]).0.is_empty());
        assert!(wanted(&card).contains("`key` (an API key in the header `X-Key`)"));
    }

    #[test]
    fn a_card_that_forgets_to_require_gets_what_there_is() {
        let card = card(r#"{"name":"a","securitySchemes":{"b":{"type":"http","scheme":"bearer"}}}"#);
        assert_eq!(applied(&card, &[("b", "t"), ("other", "x")]).0[AUTHORIZATION], "Bearer t");
    }

    #[test]
    fn a_user_in_the_address_is_taken_out() {
        let (mut url, mut headers) = (Url::parse("https://us%20er:s+%3Acret@a/x").unwrap(), HeaderMap::new());
        take_user(&mut url, &mut headers).unwrap();
        assert_eq!(url.as_str(), "https://a/x");
        assert_eq!(headers[AUTHORIZATION], format!("Basic {}", BASE64_STANDARD.encode("us er:s+:cret")));
    }
}
