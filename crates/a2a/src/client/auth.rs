//! Credentials in the places where a card wants them.

use crate::error::A2aError;
use crate::types::{AgentCard, KeyLocation, SecurityRequirement, SecurityScheme};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use copilotkit_runtime::headers::HeaderPolicy;
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

/// What can prove to an agent who asks.
pub(super) struct Proofs<'a> {
    pub(super) credentials: &'a BTreeMap<String, SecretString>,
    pub(super) headers: &'a HeaderMap,
    pub(super) forward: &'a HeaderPolicy,
}

impl Proofs<'_> {
    /// The schemes that a card requires and that nothing is there for: those of its first requirement, and none where one
    /// of its requirements is met.
    pub(super) fn missing<'a>(&self, card: &'a AgentCard) -> Vec<&'a String> {
        self.lacks(card, card.security_requirements.iter().map(|requirement| requirement.0.keys().collect()).collect())
    }

    /// What to do about an agent that refuses, as a sentence without its full stop.
    pub(super) fn remedy(&self, card: &AgentCard) -> String {
        let missing = match card.security_requirements.is_empty() {
            // Many cards list schemes and forget to require them.
            true => self.lacks(card, card.security_schemes.keys().map(|name| vec![name]).collect()),
            false => self.missing(card),
        };
        if !missing.is_empty() {
            return capital(&to_write(&missing));
        }
        match self.credentials.is_empty() && self.headers.is_empty() {
            true => "Set the `headers` of the agent".to_owned(),
            false => "See whether the `credentials` and `headers` of the agent are still right".to_owned(),
        }
    }

    /// What the first of several ways lacks; nothing where one of them lacks nothing.
    fn lacks<'a>(&self, card: &AgentCard, ways: Vec<Vec<&'a String>>) -> Vec<&'a String> {
        let lack = |names: Vec<&'a String>| names.into_iter().filter(|name| !self.has(card, name)).collect::<Vec<_>>();
        let mut lacking = Vec::new();
        for way in ways.into_iter().map(lack) {
            match way.is_empty() {
                true => return way,
                false => lacking.push(way),
            }
        }
        lacking.into_iter().next().unwrap_or_default()
    }

    /// Whether there is something for a scheme. Of what cannot be told nothing is said.
    fn has(&self, card: &AgentCard, name: &String) -> bool {
        let header = match card.security_schemes.get(name) {
            Some(SecurityScheme::ApiKey { location: KeyLocation::Header, name, .. }) => HeaderName::try_from(name).ok(),
            Some(SecurityScheme::ApiKey { location: KeyLocation::Query, .. }) => None,
            Some(SecurityScheme::ApiKey { location: KeyLocation::Cookie, .. }) => Some(COOKIE),
            Some(
                SecurityScheme::Http { .. } | SecurityScheme::OAuth2 { .. } | SecurityScheme::OpenIdConnect { .. },
            ) => Some(AUTHORIZATION),
            Some(SecurityScheme::MutualTls { .. } | SecurityScheme::Unknown) | None => return true,
        };
        self.credentials.contains_key(name)
            || header.is_some_and(|header| self.headers.contains_key(&header) || self.forward.allows(&header))
    }
}

/// What to write into the configuration for these schemes.
pub(super) fn to_write(names: &[&String]) -> String {
    let is_bare = |name: &str| {
        !name.is_empty() && name.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '-'))
    };
    let key = |name: &&String| match is_bare(name) {
        true => format!("{name} = \"…\""),
        false => format!("{name:?} = \"…\""),
    };
    let keys = names.iter().map(key).collect::<Vec<_>>().join(", ");
    crate::guard::clean_line(&format!("write `credentials = {{ {keys} }}` of the agent, or its `headers`"), 300)
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect()
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
    fn what_is_missing_is_said_as_one_writes_it() {
        let card = card(
            r#"{"name":"a","securitySchemes":{
                "key":{"apiKeySecurityScheme":{"location":"header","name":"X-Key"}},
                "a token":{"httpAuthSecurityScheme":{"scheme":"bearer"}}},
               "securityRequirements":[{"schemes":{"key":{},"a token":{}}},{"schemes":{"a token":{}}}]}"#,
        );
        let told = |credentials: &[&str], headers: &[&'static str], forward: &[&str]| {
            let credentials = credentials.iter().map(|name| ((*name).to_owned(), SecretString::from("s"))).collect();
            let header = |name: &&'static str| (HeaderName::from_static(name), HeaderValue::from_static("s"));
            let (headers, forward) = (headers.iter().map(header).collect(), HeaderPolicy::only(forward).unwrap());
            let proofs = Proofs { credentials: &credentials, headers: &headers, forward: &forward };
            (proofs.missing(&card).len(), proofs.remedy(&card))
        };
        let both =
            (2, "Write `credentials = { \"a token\" = \"…\", key = \"…\" }` of the agent, or its `headers`".to_owned());
        assert_eq!(told(&[], &[], &[]), both);
        assert_eq!(told(&["bearer"], &["x-other"], &["x-tenant"]), both);
        assert_eq!(told(&["key"], &[], &[]).1, both.1.replace(", key = \"…\"", ""));
        for met in
            [told(&["a token"], &[], &[]), told(&[], &["authorization"], &[]), told(&[], &[], &["authorization"])]
        {
            assert_eq!(met.0, 0);
            assert!(!met.1.contains("rite"), "{}", met.1);
        }
    }

    #[test]
    fn a_card_without_requirements_asks_for_nothing_until_it_refuses() {
        let (credentials, headers) = (BTreeMap::new(), HeaderMap::new());
        let proofs = Proofs { credentials: &credentials, headers: &headers, forward: &HeaderPolicy::None };
        let forgets = card(r#"{"name":"a","securitySchemes":{"b":{"type":"http","scheme":"bearer"}}}"#);
        assert!(proofs.missing(&forgets).is_empty());
        assert!(proofs.remedy(&forgets).starts_with("Write `credentials = { b = "));
        let public = card(r#"{"name":"a"}"#);
        assert_eq!(
            (proofs.missing(&public).len(), proofs.remedy(&public)),
            (0, "Set the `headers` of the agent".into())
        );
        let anybody = card(
            r#"{"name":"a","securitySchemes":{"b":{"type":"http","scheme":"bearer"}},
               "securityRequirements":[{"schemes":{"b":{}}},{"schemes":{}}]}"#,
        );
        assert!(proofs.missing(&anybody).is_empty());
    }

    #[test]
    fn a_user_in_the_address_is_taken_out() {
        let (mut url, mut headers) = (Url::parse("https://us%20er:s+%3Acret@a/x").unwrap(), HeaderMap::new());
        take_user(&mut url, &mut headers).unwrap();
        assert_eq!(url.as_str(), "https://a/x");
        assert_eq!(headers[AUTHORIZATION], format!("Basic {}", BASE64_STANDARD.encode("us er:s+:cret")));
    }
}
