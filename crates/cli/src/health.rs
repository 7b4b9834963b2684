//! `copilotkit healthcheck`: one question to a server, for containers that have no curl.

use crate::args::{HealthArgs, ServeArgs};
use crate::chat::plain;
use crate::serve;
use anyhow::{Result, bail};
use copilotkit_runtime::client::{self, ClientOptions, Trust};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use tokio::time::timeout;

/// Asks; the exit status is the answer.
///
/// # Errors
/// A wrong configuration, an address that is none. A server that is not well is no error: it is status 1.
pub async fn run(args: HealthArgs) -> Result<ExitCode> {
    let base = match &args.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let (environment, lookup) = serve::environment();
            let settings = ServeArgs { config: args.config.clone(), ..ServeArgs::default() };
            let config = serve::load(&settings, &environment, &lookup)?;
            format!("http://{}:{}", local_host(&config.server.host), config.server.port)
        }
    };
    let path = if args.ready { "/ready" } else { "/health" };
    let url = format!("{base}{path}");
    if let Err(error) = client::check_url(&url, Trust::Configured) {
        bail!("--url: {error}; write it like http://127.0.0.1:8000")
    }
    let http = client::build(&ClientOptions { connect_timeout: args.timeout, ..ClientOptions::default() })?;
    let said = match timeout(args.timeout, http.get(&url).send()).await {
        Ok(Ok(answer)) if answer.status().is_success() => {
            println!("well: {path} answered {}", answer.status().as_u16());
            return Ok(ExitCode::SUCCESS);
        }
        Ok(Ok(answer)) => format!("{path} answered {}", answer.status()),
        Ok(Err(error)) => plain(&url, &error).to_string(),
        Err(_) => format!("no answer within {}", humantime::format_duration(args.timeout)),
    };
    eprintln!("copilotkit: not well: {said}");
    Ok(ExitCode::FAILURE)
}

/// The name by which this machine reaches a server that listens there.
pub(crate) fn local_host(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_is_reached_by_loopback() {
        for (host, expected) in [
            ("0.0.0.0", "127.0.0.1"),
            ("::", "[::1]"),
            ("::1", "[::1]"),
            ("localhost", "localhost"),
            ("10.0.0.7", "10.0.0.7"),
        ] {
            assert_eq!(local_host(host), expected);
        }
    }
}
