//! Which headers of a request an agent or tool passes on.

use http::header::{HeaderMap, HeaderName, InvalidHeaderName};

/// Which headers of a request are passed on to a server that is called for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HeaderPolicy {
    /// `authorization` and every `x-*`, without those that proxies and platforms add, and without those that proved to
    /// this server who asks.
    #[default]
    Default,
    /// These and no others, whatever they are.
    Only(Vec<HeaderName>),
    /// None.
    None,
}

/// Names that infrastructure adds: they say how the request came here, not who asks for what.
const DENIED: &[&str] = &[
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-real-ip",
    "x-amzn-trace-id",
    "x-amz-cf-id",
    "x-cloud-trace-context",
    "x-cache",
    "x-served-by",
    "x-request-id",
    "x-copilotcloud-public-api-key",
];
const DENIED_PREFIXES: &[&str] = &["x-amz-", "x-azure-", "x-fastly-", "x-vercel-", "x-middleware-", "x-copilotcloud-"];
/// They describe one connection or one body, so those of another request would break ours.
const OWN: &[&str] = &[
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl HeaderPolicy {
    /// A policy from the names of a configuration; none for an empty list.
    ///
    /// # Errors
    /// A name that cannot be one of a header.
    pub fn only<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<Self, InvalidHeaderName> {
        let names: Vec<HeaderName> =
            names.into_iter().map(|name| name.as_ref().trim().parse()).collect::<Result<_, _>>()?;
        Ok(if names.is_empty() { Self::None } else { Self::Only(names) })
    }

    /// True when this header is passed on.
    pub fn allows(&self, name: &HeaderName) -> bool {
        let text = name.as_str();
        match self {
            _ if OWN.contains(&text) => false,
            Self::Default => {
                (text == "authorization" || text.starts_with("x-"))
                    && !DENIED.contains(&text)
                    && !DENIED_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
            }
            Self::Only(names) => names.contains(name),
            Self::None => false,
        }
    }

    /// The headers of a request to another server: those that are passed on, and the configured ones, which win.
    ///
    /// A value that is marked sensitive proved to this server who asks: only a list that names it passes it on.
    pub fn outgoing(&self, request: &HeaderMap, configured: &HeaderMap) -> HeaderMap {
        let mut out = configured.clone();
        let named = matches!(self, Self::Only(_));
        for (name, value) in request {
            if self.allows(name) && (named || !value.is_sensitive()) && !configured.contains_key(name) {
                out.append(name.clone(), value.clone());
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        pairs.iter().map(pair).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The request of the recorded run against an agent that shows its headers.
    fn recorded() -> HeaderMap {
        headers(&[
            ("Host", "127.0.0.1"),
            ("Content-Type", "application/json"),
            ("Authorization", "Bearer user"),
            ("Cookie", "a=b"),
            ("X-Custom-Value", "v"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("X-Real-IP", "1.2.3.4"),
            ("X-Request-Id", "rid"),
            ("X-Vercel-Id", "v"),
            ("X-Amz-Foo", "1"),
            ("X-CopilotCloud-Public-Api-Key", "ck_pub"),
            ("X-Middleware-Next", "1"),
            ("X-Tenant", "t1"),
            ("User-Agent", "rec"),
            ("Content-Length", "916"),
        ])
    }

    #[test]
    fn forwards_as_recorded() {
        let plain = HeaderPolicy::Default.outgoing(&recorded(), &HeaderMap::new());
        assert_eq!(names(&plain), ["authorization", "x-custom-value", "x-tenant"]);
        let configured = headers(&[("Authorization", "Bearer server-side"), ("X-Server", "1")]);
        let merged = HeaderPolicy::Default.outgoing(&recorded(), &configured);
        assert_eq!(names(&merged), ["authorization", "x-custom-value", "x-server", "x-tenant"]);
        assert_eq!(merged["authorization"], HeaderValue::from_static("Bearer server-side"));
    }

    #[test]
    fn credentials_of_this_server_go_on_by_name_alone() {
        let mut request = recorded();
        for name in ["authorization", "x-tenant", "cookie"] {
            request.get_mut(name).unwrap().set_sensitive(true);
        }
        let none = HeaderMap::new();
        assert_eq!(names(&HeaderPolicy::Default.outgoing(&request, &none)), ["x-custom-value"]);
        let policy = HeaderPolicy::only(["authorization"]).unwrap();
        assert_eq!(policy.outgoing(&request, &none)["authorization"], "Bearer user");
        let configured = headers(&[("Authorization", "Bearer server-side")]);
        assert_eq!(HeaderPolicy::Default.outgoing(&request, &configured)["authorization"], "Bearer server-side");
    }

    #[test]
    fn a_list_is_exact_and_never_breaks_the_request() {
        let policy = HeaderPolicy::only(["Cookie", " x-real-ip ", "content-length"]).unwrap();
        assert_eq!(names(&policy.outgoing(&recorded(), &HeaderMap::new())), ["cookie", "x-real-ip"]);
        assert_eq!(HeaderPolicy::only::<&str>([]).unwrap(), HeaderPolicy::None);
        assert!(HeaderPolicy::None.outgoing(&recorded(), &HeaderMap::new()).is_empty());
        assert!(HeaderPolicy::only(["not a name"]).is_err());
    }
}
