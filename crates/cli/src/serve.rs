//! `copilotkit serve`.

use crate::args::ServeArgs;
use crate::banner;
use crate::config::{Config, Environment, LimitsConfig, Sources};
use crate::playground::with_pages;
use crate::reload::Reloader;
use crate::say::Say;
use crate::telemetry::{Exporter, Settings, init_log};
use crate::terminal::count;
use crate::{listening, warnings, wiring};
use anyhow::{Context as _, Result, anyhow};
use copilotkit_runtime::Lifecycle;
use copilotkit_runtime::http::probes::{Readiness, with_probes};
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{Surface, SurfaceOptions, with_metrics};
use copilotkit_runtime::limits::DRAIN_DELAY;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves until Ctrl-C or SIGTERM, then lets runs and streams end.
///
/// # Errors
/// A wrong configuration, or an address that cannot be listened on.
pub async fn run(args: ServeArgs) -> Result<ExitCode> {
    let (environment, lookup) = environment();
    let config = read(&args, &environment, &lookup)?;
    let mut warnings = warnings::of_variables(&environment);
    let settings = Settings::of(&config.telemetry, &lookup, &mut warnings)?;
    let shown = settings.as_ref().map(Settings::shown);
    let exporter = settings.map(Exporter::new);
    init_log(&config.logging, lookup("COPILOTKIT_LOG").as_deref(), exporter.as_ref());
    let say = Say::of(&config);
    warnings.extend(warnings::of_configuration(&args, &config));
    warnings.iter().for_each(|warning| say.warn(warning));
    let store = wiring::open_store(&config).await?;
    let lifecycle = wiring::lifecycle(&config, &lookup, store.store.clone())?;
    let (host, port) = (config.server.host.as_str(), config.server.port);
    let listener = TcpListener::bind((host, port)).await.map_err(|error| {
        let (reason, remedy) = listening::explained(host, port, &error);
        anyhow!("cannot listen: {reason}\n  to mend it: {remedy}")
    })?;
    let address = listener.local_addr().context("the listening address cannot be found out")?;
    let options = SurfaceOptions {
        transcription: wiring::transcription(&config, &lookup)?,
        ..wiring::surface_options(&config, address.ip(), &lookup)?
    };
    let surface = Surface::new(lifecycle.clone(), options);
    for warning in config.auth.warnings(address.ip(), &lookup) {
        say.warn(&warning);
    }
    let readiness = Readiness::default();
    let app = with_probes(surface.clone(), readiness.clone());
    let mut app = with_pages(app, &surface, &config, address.ip());
    let access = wiring::metrics_access(&config.telemetry, &lookup)?;
    let metrics = access.is_some();
    if let Some(access) = access {
        app = with_metrics(app, lifecycle.clone(), access);
    }
    let limits = &config.limits;
    let options = ServeOptions {
        header_timeout: limits.header_timeout.0,
        connections: limits.connections,
        drain_timeout: limits.drain_timeout.0,
        write_stall: limits.write_stall.0,
        counters: lifecycle.counters().clone(),
        metrics: lifecycle.metrics().clone(),
        ..ServeOptions::default()
    };
    // Before the address is said: from then on a signal is a wish to stop in good order.
    let signals = Signals::watch()?;
    let reloader = Reloader::new(&args, &config, lifecycle.clone());
    let stop = Stop::default();
    let drain = async {
        let left = limits.drain_timeout.0.saturating_sub(stop.asked.get().map_or(Duration::ZERO, Instant::elapsed));
        lifecycle.drain(left).await;
    };
    let exporter = exporter.map(|exporter| exporter.run(lifecycle.clone())).transpose()?;
    let told = banner::Told { store: &store.place, telemetry: shown.as_deref(), metrics };
    banner::show(&config, address, &lookup, &told);
    let serving = serve(listener, app, options, stop.now.cancelled(), drain);
    let ended = tokio::select! {
        () = serving => Ok(ExitCode::SUCCESS),
        () = store.prune() => Ok(ExitCode::SUCCESS),
        () = reloader.watch(&stop.hangup) => Ok(ExitCode::SUCCESS),
        result = stop.watch(signals, limits, &readiness, &lifecycle, say) => result,
    };
    if let Some(exporter) = exporter {
        exporter.shut_down().await;
    }
    say.note("stopped");
    ended
}

/// How long the readers of runs that were just ended have to be told.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The way from the first signal to the end.
#[derive(Default)]
struct Stop {
    /// When the first signal came.
    asked: OnceLock<Instant>,
    /// From here on no new runs are taken.
    now: CancellationToken,
    /// The terminal that the server was started on is gone.
    hangup: CancellationToken,
}

impl Stop {
    /// The first signal withdraws readiness and, after the delay, stops the server in good order; the second ends the
    /// runs as well, each with its terminal event; the third ends the process at once.
    async fn watch(
        &self,
        mut signals: Signals,
        limits: &LimitsConfig,
        readiness: &Readiness,
        lifecycle: &Lifecycle,
        say: Say,
    ) -> Result<ExitCode> {
        let asked = tokio::select! {
            asked = signals.next() => asked?,
            () = self.hangup.cancelled() => Asked::Interrupt,
        };
        readiness.withdraw();
        self.asked.get_or_init(Instant::now);
        let delay = delay(asked, limits);
        match (delay.is_zero(), lifecycle.active()) {
            (true, 0) => {}
            (true, active) => {
                let runs = count(active, "active run");
                say.note(&format!("stopping; waiting for {runs}, once more to end them now"));
            }
            (false, _) => {
                let delay = delay.as_secs_f32();
                say.note(&format!("not ready any more; stopping in {delay} s, once more to end them now"));
            }
        }
        let stopped = async {
            tokio::time::sleep(delay).await;
            self.now.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = stopped => Ok(ExitCode::SUCCESS),
            again = signals.next() => {
                again?;
                let active = lifecycle.active();
                if active > 0 {
                    say.note(&format!("ending {} now", count(active, "run")));
                    let told = async {
                        lifecycle.drain(Duration::ZERO).await;
                        tokio::time::sleep(LAST_WORDS).await;
                    };
                    tokio::select! {
                        () = told => {}
                        third = signals.next() => {
                            third?;
                            say.warn(&format!("stopping at once; cut off: {}", count(lifecycle.active(), "run")));
                            return Ok(ExitCode::FAILURE);
                        }
                    }
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// How long the server goes on as before. Who presses Ctrl-C has no balancer in front of it.
fn delay(asked: Asked, limits: &LimitsConfig) -> Duration {
    match (limits.drain_delay, asked) {
        (Some(delay), _) => delay.0,
        (None, Asked::Interrupt) => Duration::ZERO,
        (None, Asked::Terminate) => DRAIN_DELAY.min(limits.drain_timeout.0),
    }
}

/// How the process was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there is no such signal"))]
    Terminate,
}

/// The signals that end the process. They are kept from the moment this is made, also while nobody waits.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn watch() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("Ctrl-C cannot be watched")?,
            terminate: signal(SignalKind::terminate()).context("SIGTERM cannot be watched")?,
        })
    }

    async fn next(&mut self) -> Result<Asked> {
        let asked = tokio::select! {
            came = self.interrupt.recv() => came.map(|()| Asked::Interrupt),
            came = self.terminate.recv() => came.map(|()| Asked::Terminate),
        };
        asked.context("signals cannot be watched any more")
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn watch() -> Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Result<Asked> {
        tokio::signal::ctrl_c().await.context("Ctrl-C cannot be watched")?;
        Ok(Asked::Interrupt)
    }
}

/// The process's environment, once, and as a lookup. Variables that are not Unicode are no configuration.
pub(crate) fn environment() -> (Vec<(String, String)>, Environment) {
    let text = |(key, value): (OsString, OsString)| Some((key.into_string().ok()?, value.into_string().ok()?));
    let all: Vec<_> = std::env::vars_os().filter_map(text).collect();
    let variables = all.clone();
    let find = move |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    (all, Arc::new(find))
}

/// The configuration file of a folder, where no other is named.
pub(crate) const USUAL_FILE: &str = "copilotkit.toml";

/// The configuration of a command for people, who are told what of their environment is passed over.
pub(crate) fn load(args: &ServeArgs, environment: &[(String, String)], lookup: &Environment) -> Result<Config> {
    for warning in warnings::of_variables(environment) {
        eprintln!("copilotkit: warning: {warning}");
    }
    read(args, environment, lookup)
}

/// What stands in a file of configuration.
fn text(path: &Path) -> Result<String> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::PermissionDenied => "let this user read it".to_owned(),
            ErrorKind::IsADirectory => format!("name the file in it: {shown}/{USUAL_FILE}"),
            _ => format!("name a file that is there, or write one by copilotkit init {shown}"),
        };
        anyhow!("the configuration file {shown} cannot be read: {error}\n  to mend it: {remedy}")
    })?;
    let text = String::from_utf8(bytes);
    text.map_err(|_| anyhow!("the configuration file {shown} is not UTF-8\n  to mend it: save it as UTF-8"))
}

/// The configuration of these arguments and this environment.
pub(crate) fn read(args: &ServeArgs, environment: &[(String, String)], lookup: &Environment) -> Result<Config> {
    let usual = || Some(PathBuf::from(USUAL_FILE)).filter(|file| file.is_file());
    let file = match args.config.clone().or_else(usual) {
        Some(path) => {
            let text = text(&path)?;
            Some((path, text))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Span;

    #[test]
    fn only_a_delay_that_is_set_holds_for_a_terminal() {
        let mut limits = LimitsConfig::default();
        assert_eq!(delay(Asked::Terminate, &limits), DRAIN_DELAY);
        assert_eq!(delay(Asked::Interrupt, &limits), Duration::ZERO);
        limits.drain_timeout = Span(Duration::from_secs(1));
        assert_eq!(delay(Asked::Terminate, &limits), Duration::from_secs(1));
        limits.drain_delay = Some(Span(Duration::from_secs(2)));
        for asked in [Asked::Interrupt, Asked::Terminate] {
            assert_eq!(delay(asked, &limits), Duration::from_secs(2));
        }
    }
}
