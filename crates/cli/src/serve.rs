//! `copilotkit serve`.

use crate::args::ServeArgs;
use crate::banner;
use crate::config::{Config, Environment, Sources};
use crate::wiring;
use anyhow::{Context as _, Result, bail};
use copilotkit_runtime::http::Surface;
use copilotkit_runtime::http::probes::{Readiness, with_probes};
use copilotkit_runtime::http::server::{ServeOptions, serve};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves until Ctrl-C or SIGTERM, then lets runs and streams end.
///
/// # Errors
/// A wrong configuration, or an address that cannot be listened on.
pub async fn run(args: ServeArgs) -> Result<()> {
    let environment = environment();
    let variables = environment.clone();
    let lookup: Environment =
        Arc::new(move |name| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()));
    let config = load(&args, &environment, &lookup)?;
    if args.api_key.is_some() {
        eprintln!("copilotkit: warning: --api-key is visible to other users of this machine; set the variable instead");
    }
    let lifecycle = wiring::lifecycle(&config, &lookup)?;
    let (host, port) = (config.server.host.as_str(), config.server.port);
    let listener = TcpListener::bind((host, port)).await.with_context(|| {
        format!("cannot listen on {host}:{port} (is another server running? try --port 0 for a free port)")
    })?;
    let address = listener.local_addr().context("the listening address cannot be found out")?;
    let surface = Surface::new(lifecycle.clone(), wiring::surface_options(&config, address.ip())?);
    let readiness = Readiness::default();
    let app = with_probes(surface, readiness.clone());
    let limits = &config.limits;
    let options = ServeOptions {
        header_timeout: limits.header_timeout.0,
        connections: limits.connections,
        drain_timeout: limits.drain_timeout.0,
        ..ServeOptions::default()
    };
    let stopping = CancellationToken::new();
    let signals = watch_signals(stopping.clone(), readiness, lifecycle.clone());
    eprint!("{}", banner::text(&config, address));
    let serving = serve(listener, app, options, stopping.cancelled(), lifecycle.drain(limits.drain_timeout.0));
    tokio::select! {
        () = serving => Ok(()),
        result = signals => result,
    }
}

/// The first signal withdraws readiness and stops the server in good order; the second ends it at once.
async fn watch_signals(
    stopping: CancellationToken,
    readiness: Readiness,
    lifecycle: copilotkit_runtime::Lifecycle,
) -> Result<()> {
    wait_for_signal().await?;
    readiness.withdraw();
    let active = lifecycle.active();
    if active > 0 {
        eprintln!("copilotkit: stopping; waiting for {active} active run(s), once more to end at once");
    }
    stopping.cancel();
    wait_for_signal().await?;
    bail!("stopped at once, {} run(s) were cut off", lifecycle.active())
}

#[cfg(unix)]
async fn wait_for_signal() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be watched")?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.context("Ctrl-C cannot be watched"),
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() -> Result<()> {
    tokio::signal::ctrl_c().await.context("Ctrl-C cannot be watched")
}

/// The process's environment, once. Variables that are not Unicode are no configuration.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))).collect()
}

fn load(args: &ServeArgs, environment: &[(String, String)], lookup: &Environment) -> Result<Config> {
    let file = match &args.config {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
            Some((path.clone(), text))
        }
        None => None,
    };
    let overrides = environment
        .iter()
        .filter(|(name, _)| name.starts_with("COPILOTKIT_") && name.contains("__"))
        .cloned()
        .collect();
    let mut config = Config::load(Sources { file, overrides, flags: args.keys(), environment: lookup.clone() })?;
    wiring::apply_model_flags(&mut config, args)?;
    Ok(config)
}
