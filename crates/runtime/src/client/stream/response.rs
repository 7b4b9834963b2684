//! The head of an answer, and where its body ends (RFC 9112, sections 4 and 6.3).

use super::StreamError;
use super::chunked::Chunked;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// The most headers of an answer.
const HEADERS_MAX: usize = 100;
/// The largest head.
pub(super) const HEAD_MAX: usize = 64 * 1024;

/// A head that was read.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) framing: Framing,
    /// The connection may be used again.
    pub(super) keep: bool,
    /// How many bytes it took.
    pub(super) length: usize,
}

/// How the end of a body is found.
#[derive(Debug)]
pub(super) enum Framing {
    /// So many bytes are left.
    Length(u64),
    Chunked(Chunked),
    /// The peer closes.
    UntilClose,
}

impl Framing {
    /// True when the body is complete.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.is_done(),
            Self::UntilClose => false,
        }
    }

    /// Adds the content in `input` to `out`; how much of `input` belongs to the body.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, StreamError> {
        match self {
            Self::Length(left) => {
                let take = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                out.extend_from_slice(&input[..take]);
                *left -= take as u64;
                Ok(take)
            }
            Self::Chunked(chunked) => chunked.decode(input, out).map_err(|error| StreamError::broken(&error)),
            Self::UntilClose => {
                out.extend_from_slice(input);
                Ok(input.len())
            }
        }
    }
}

/// Reads a head. `None` while it is not complete. Heads that only announce another one (100, 103) are skipped.
pub(super) fn parse(input: &[u8]) -> Result<Option<Head>, StreamError> {
    let mut skipped = 0;
    loop {
        let rest = input.get(skipped..).unwrap_or_default();
        let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut slots);
        let length = match response.parse(rest) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if input.len() >= HEAD_MAX => {
                return Err(StreamError::said(format!("a head of more than {HEAD_MAX} bytes")));
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(StreamError::said(format!("not an HTTP answer: {error}"))),
        };
        let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
        let Some(status) = status else { return Err(StreamError::said("not an HTTP answer: no status".to_owned())) };
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(StreamError::said("the peer wants another protocol".to_owned()));
        }
        skipped += length;
        if status.is_informational() {
            continue;
        }
        let headers = headers(response.headers)?;
        let (framing, framed) = framing(status, &headers)?;
        let keep = framed && is_kept(response.version == Some(1), &headers);
        return Ok(Some(Head { status, headers, framing, keep, length: skipped }));
    }
}

/// Copies, so that nothing keeps the buffer that they were read into.
fn headers(parsed: &[httparse::Header<'_>]) -> Result<HeaderMap, StreamError> {
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|error| StreamError::broken(&error))?;
        let value = HeaderValue::from_bytes(header.value).map_err(|error| StreamError::broken(&error))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The framing, and whether it leaves the connection in a known state.
fn framing(status: StatusCode, headers: &HeaderMap) -> Result<(Framing, bool), StreamError> {
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Ok((Framing::Length(0), true));
    }
    let length = length(headers)?;
    if headers.contains_key(TRANSFER_ENCODING) {
        let codings = tokens(headers, &TRANSFER_ENCODING).last();
        let chunked = codings.is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        let framing = if chunked { Framing::Chunked(Chunked::new()) } else { Framing::UntilClose };
        // Both is what an attacker sends who wants two readers to disagree.
        return Ok((framing, chunked && length.is_none()));
    }
    Ok(match length {
        Some(length) => (Framing::Length(length), true),
        None => (Framing::UntilClose, false),
    })
}

/// The length that is said, where all that say one agree.
fn length(headers: &HeaderMap) -> Result<Option<u64>, StreamError> {
    let mut found = None;
    for text in tokens(headers, &CONTENT_LENGTH) {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let length = text.parse().ok().filter(|_| digits);
        if length.is_none() || found.is_some_and(|found| Some(found) != length) {
            return Err(StreamError::said("invalid content-length".to_owned()));
        }
        found = length;
    }
    Ok(found)
}

fn is_kept(current: bool, headers: &HeaderMap) -> bool {
    let says = |word: &str| tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case(word));
    !says("close") && (current || says("keep-alive"))
}

/// The parts of a header that is a list. A value that is no text is one that nobody knows.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or("?"));
    values.flat_map(|text| text.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Result<Option<Head>, StreamError> {
        parse(format!("{}\r\n\r\n", lines.replace('\n', "\r\n")).as_bytes())
    }

    #[test]
    fn the_end_of_a_body_is_found() {
        for (lines, framing, keep) in [
            ("HTTP/1.1 200 OK\ncontent-length: 5", "Length(5)", true),
            ("HTTP/1.1 200 OK\ncontent-length: 5, 5\nContent-Length: 5", "Length(5)", true),
            ("HTTP/1.1 200\ntransfer-encoding: gzip, Chunked", "Chunked", true),
            ("HTTP/1.1 200 OK\ntransfer-encoding: chunked\ncontent-length: 5", "Chunked", false),
            ("HTTP/1.1 200 OK\ntransfer-encoding: gzip", "UntilClose", false),
            ("HTTP/1.1 200 OK", "UntilClose", false),
            ("HTTP/1.1 204 No Content\ncontent-length: 5", "Length(0)", true),
            ("HTTP/1.1 200 OK\ncontent-length: 5\nconnection: x, Close", "Length(5)", false),
            ("HTTP/1.0 200 OK\ncontent-length: 5", "Length(5)", false),
            ("HTTP/1.0 200 OK\ncontent-length: 5\nconnection: keep-alive", "Length(5)", true),
            (
                "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nlink: x\n\nHTTP/1.1 500 No\ncontent-length: 1",
                "Length(1)",
                true,
            ),
        ] {
            let head = read(lines).unwrap().unwrap();
            assert!(format!("{:?}", head.framing).starts_with(framing), "{lines}: {:?}", head.framing);
            assert_eq!(head.keep, keep, "{lines}");
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for (lines, said) in [
            ("HTTP/1.1 200 OK\ncontent-length: 5\ncontent-length: 6", "content-length"),
            ("HTTP/1.1 200 OK\ncontent-length: +5", "content-length"),
            ("HTTP/1.1 200 OK\ncontent-length:", "content-length"),
            ("HTTP/1.1 200 OK\ncontent-length: 99999999999999999999", "content-length"),
            ("HTTP/1.1 101 Switching Protocols", "another protocol"),
            ("SSH-2.0-OpenSSH_9", "not an HTTP answer"),
            ("HTTP/2 200", "not an HTTP answer"),
        ] {
            let error = read(lines).unwrap_err().to_string();
            assert!(error.contains(said), "{lines}: {error}");
        }
        assert!(parse(b"HTTP/1.1 200 OK\r\nx: y\r\n").unwrap().is_none());
        assert!(parse(&[b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &vec![b'y'; HEAD_MAX]].concat()).is_err());
    }
}
