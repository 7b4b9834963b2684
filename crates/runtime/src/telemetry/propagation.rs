//! The trace that a span is part of, as the headers `traceparent` and `tracestate` of W3C Trace Context. Without the
//! feature `otel` there is none.

use http::HeaderMap;
use tracing::Span;

#[cfg(feature = "otel")]
mod otel {
    use http::{HeaderMap, HeaderName, HeaderValue};
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
    use opentelemetry::{Array, Context, StringValue, Value};
    use std::str::FromStr as _;
    use tracing::Span;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
    const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
    /// A longer `tracestate` is left out, as the specification allows.
    const STATE_MAX: usize = 512;

    /// Reads `traceparent`: version, trace, span and flags. Later versions may add parts behind.
    pub(super) fn remote(headers: &HeaderMap) -> Option<SpanContext> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let text = values.next()?.to_str().ok()?.trim();
        if values.next().is_some() {
            return None;
        }
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let well_formed = hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
        if !well_formed || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
        let state =
            headers.get(TRACESTATE).and_then(|value| value.to_str().ok()).filter(|text| text.len() <= STATE_MAX);
        let state = state.and_then(|text| TraceState::from_str(text).ok()).unwrap_or_default();
        let context =
            SpanContext::new(TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?, flags, true, state);
        context.is_valid().then_some(context)
    }

    #[cfg(feature = "http")]
    pub(super) fn adopt(span: &Span, headers: &HeaderMap) {
        if span.is_disabled() {
            return;
        }
        if let Some(remote) = remote(headers) {
            // Without a layer that keeps traces there is nobody to tell.
            let _ = span.set_parent(Context::new().with_remote_span_context(remote));
        }
    }

    fn context(span: &Span) -> Option<SpanContext> {
        if span.is_disabled() {
            return None;
        }
        let context = span.context().span().span_context().clone();
        context.is_valid().then_some(context)
    }

    pub(super) fn traceparent(span: &Span) -> Option<String> {
        let context = context(span)?;
        let flags = context.trace_flags().to_u8();
        Some(format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()))
    }

    pub(super) fn trace_id(span: &Span) -> Option<String> {
        context(span).map(|context| context.trace_id().to_string())
    }

    pub(super) fn inject(span: &Span, headers: &mut HeaderMap) {
        let Some(value) = traceparent(span).and_then(|text| HeaderValue::try_from(text).ok()) else { return };
        // A trace is told of as a whole: another one's state would not fit.
        headers.insert(TRACEPARENT, value);
        headers.remove(TRACESTATE);
        let state = context(span).map(|context| context.trace_state().header()).filter(|text| !text.is_empty());
        if let Some(Ok(state)) = state.map(HeaderValue::try_from) {
            headers.insert(TRACESTATE, state);
        }
    }

    pub(super) fn end(span: &Span) {
        if !span.is_disabled() {
            span.context().span().end();
        }
    }

    #[cfg(feature = "http")]
    pub(super) fn rename(span: &Span, name: String) {
        if !span.is_disabled() {
            span.context().span().update_name(name);
        }
    }

    pub(super) fn list(span: &Span, name: &'static str, values: Vec<String>) {
        let values = values.into_iter().map(StringValue::from).collect();
        span.set_attribute(name, Value::Array(Array::String(values)));
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn parse(traceparent: &str) -> Option<(String, bool)> {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, traceparent.parse().unwrap());
            remote(&headers).map(|context| (context.span_id().to_string(), context.is_sampled()))
        }

        #[test]
        fn traceparent_is_read_as_the_specification_has_it() {
            let trace = "0af7651916cd43dd8448eb211c80319c";
            let span = "b7ad6b7169203331";
            assert_eq!(parse(&format!("00-{trace}-{span}-01")), Some((span.to_owned(), true)));
            assert_eq!(parse(&format!("00-{trace}-{span}-00")), Some((span.to_owned(), false)));
            assert_eq!(parse(&format!("cc-{trace}-{span}-01-what-comes-later")), Some((span.to_owned(), true)));
            for wrong in [
                String::new(),
                format!("00-{trace}-{span}"),
                format!("ff-{trace}-{span}-01"),
                format!("00-{trace}-{span}-01-more"),
                format!("00-{}-{span}-01", trace.to_uppercase()),
                format!("00-{}-{span}-01", "0".repeat(32)),
                format!("00-{trace}-{}-01", "0".repeat(16)),
                format!("00-{trace}-{span}-1"),
                format!("00-{}-{span}-01", &trace[1..]),
            ] {
                assert_eq!(parse(&wrong), None, "{wrong}");
            }
        }

        #[test]
        fn two_parents_are_none() {
            let mut headers = HeaderMap::new();
            for span in ["b7ad6b7169203331", "b7ad6b7169203332"] {
                let value = format!("00-0af7651916cd43dd8448eb211c80319c-{span}-01");
                headers.append(TRACEPARENT, value.parse().unwrap());
            }
            assert!(remote(&headers).is_none());
        }
    }
}

/// Makes a span part of the trace that a request names. Before it is entered.
#[cfg(feature = "http")]
pub(crate) fn adopt(span: &Span, headers: &HeaderMap) {
    #[cfg(feature = "otel")]
    otel::adopt(span, headers);
    let _ = (span, headers);
}

/// Gives a span that began already the name that is known only now.
#[cfg(feature = "http")]
pub(crate) fn rename(span: &Span, name: String) {
    #[cfg(feature = "otel")]
    otel::rename(span, name);
    #[cfg(not(feature = "otel"))]
    let _ = (span, name);
}

/// The value of `traceparent` for what is called within a span.
pub(super) fn traceparent(span: &Span) -> Option<String> {
    #[cfg(feature = "otel")]
    return otel::traceparent(span);
    #[cfg(not(feature = "otel"))]
    {
        let _ = span;
        None
    }
}

/// The trace of a span, for log lines.
pub(super) fn trace_id(span: &Span) -> Option<String> {
    #[cfg(feature = "otel")]
    return otel::trace_id(span);
    #[cfg(not(feature = "otel"))]
    {
        let _ = span;
        None
    }
}

/// Tells whoever gets these headers which trace they are part of.
pub(super) fn inject(span: &Span, headers: &mut HeaderMap) {
    #[cfg(feature = "otel")]
    otel::inject(span, headers);
    let _ = (span, headers);
}

/// Ends a span now, also while others that began in it go on.
pub(crate) fn end(span: &Span) {
    #[cfg(feature = "otel")]
    otel::end(span);
    let _ = span;
}

/// Sets an attribute that is a list of texts, which `tracing` does not know.
pub(super) fn list(span: &Span, name: &'static str, values: Vec<String>) {
    #[cfg(feature = "otel")]
    otel::list(span, name, values);
    #[cfg(not(feature = "otel"))]
    let _ = (span, name, values);
}
