//! Why nothing can be listened to at an address.

use std::io::{Error, ErrorKind};

/// What is so, and what to do about it.
pub(crate) fn explained(host: &str, port: u16, error: &Error) -> (String, &'static str) {
    const ADDRESS: &str = "write an address of this machine, like 127.0.0.1, or 0.0.0.0 for all of them";
    match error.kind() {
        ErrorKind::AddrInUse => (
            format!("{host}:{port} is taken by something else"),
            "stop what listens there, or choose another port: [server] port, or --port; 0 is any free one",
        ),
        ErrorKind::PermissionDenied => (
            format!("this user may not listen on port {port}"),
            "choose a port from 1024 on: [server] port, or --port; a proxy in front can have the other one",
        ),
        ErrorKind::AddrNotAvailable => (format!("{host} is the address of another machine"), ADDRESS),
        // Looking names up has no kind of its own.
        _ if host.parse::<std::net::IpAddr>().is_err() => {
            (format!("{host} is no address, and no name of one: {error}"), ADDRESS)
        }
        _ => (format!("{host}:{port} cannot be listened on: {error}"), ADDRESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn each_reason_has_its_remedy() {
        let told = |host: &str, kind: ErrorKind| explained(host, 80, &kind.into());
        assert!(told("127.0.0.1", ErrorKind::PermissionDenied).1.contains("1024"));
        assert!(told("127.0.0.1", ErrorKind::AddrInUse).1.contains("--port"));
        assert!(told("8.8.8.8", ErrorKind::AddrNotAvailable).0.contains("another machine"));
        // What the system says to a name that is none.
        let error = TcpListener::bind(("300.1.1.1", 0)).unwrap_err();
        assert!(explained("300.1.1.1", 0, &error).0.contains("no address"), "{error}");
    }
}
