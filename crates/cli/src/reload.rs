//! SIGHUP: the configuration is read again, and agents with their tools are put in the place of those that there were.
//! Runs that began go on with what they began with.

use crate::args::ServeArgs;
use crate::config::Config;
use crate::say::Say;
use crate::terminal::count;
use crate::{serve, wiring};
use anyhow::Result;
use copilotkit_runtime::Lifecycle;
use std::io::IsTerminal as _;
use tokio_util::sync::CancellationToken;

/// The sections that a reload takes over. What the others hold is built into the server when it starts.
const TAKEN_OVER: &[&str] = &["a2ui", "agents", "mcp", "mcp_apps", "open_generative_ui"];

/// Reads the configuration again.
pub(crate) struct Reloader {
    args: ServeArgs,
    /// What the server runs with.
    config: Config,
    lifecycle: Lifecycle,
    on_terminal: bool,
    #[cfg(unix)]
    signals: Option<tokio::signal::unix::Signal>,
}

/// What a reload did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reloaded {
    agents: usize,
    /// Sections that changed and are read only at the start.
    waiting: Vec<String>,
}

impl Reloader {
    /// From here on a SIGHUP is a wish to reload.
    pub(crate) fn new(args: &ServeArgs, config: &Config, lifecycle: Lifecycle) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        #[cfg(unix)]
        let signals = {
            use tokio::signal::unix::{SignalKind, signal};
            let refused = |error| Say::of(config).warn(&format!("nothing will be reloaded by SIGHUP: {error}"));
            signal(SignalKind::hangup()).map_err(refused).ok()
        };
        Self {
            args: args.clone(),
            config: config.clone(),
            lifecycle,
            on_terminal,
            #[cfg(unix)]
            signals,
        }
    }

    /// Reloads at every SIGHUP. Never ends. A terminal that is closed sends the signal too: who had the server on it
    /// wants it to stop.
    #[cfg(unix)]
    pub(crate) async fn watch(mut self, hangup: &CancellationToken) {
        while let Some(signals) = &mut self.signals
            && signals.recv().await.is_some()
        {
            if self.on_terminal && !std::io::stderr().is_terminal() {
                hangup.cancel();
                break;
            }
            self.say();
        }
        std::future::pending().await
    }

    /// There is no such signal.
    #[cfg(not(unix))]
    pub(crate) async fn watch(self, _: &CancellationToken) {
        std::future::pending().await
    }

    #[cfg(unix)]
    fn say(&mut self) {
        let say = Say::of(&self.config);
        match self.reload() {
            Ok(Reloaded { agents, waiting }) => {
                say.note(&format!("reloaded: {}", count(agents, "agent")));
                if !waiting.is_empty() {
                    let waiting = waiting.join(", ");
                    say.warn(&format!("changes of these sections wait for a restart: {waiting}"));
                }
            }
            Err(error) => say.warn(&format!("not reloaded, everything stays as it was: {error:#}")),
        }
    }

    /// Reads and takes over; on an error nothing was changed.
    #[cfg_attr(not(unix), allow(dead_code, reason = "nothing asks for it"))]
    fn reload(&mut self) -> Result<Reloaded> {
        let (environment, lookup) = serve::environment();
        let config = serve::read(&self.args, &environment, &lookup)?;
        let agents = wiring::agents(&config, &lookup, Some(self.lifecycle.store()))?;
        let waiting = config.changed(&self.config).into_iter().filter(|name| !TAKEN_OVER.contains(&name.as_str()));
        let reloaded = Reloaded { agents: agents.len(), waiting: waiting.collect() };
        self.lifecycle.agents().replace(agents);
        Ok(reloaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilotkit_runtime::{AgentRegistry, LifecycleOptions};
    use std::sync::Arc;

    #[tokio::test]
    async fn agents_change_and_a_bad_file_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copilotkit.toml");
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        let agent = |id: &str| format!("[agents.{id}]\ntype = \"built-in\"\nmodel = \"demo\"\n");
        write(&agent("one"));
        let args = ServeArgs { config: Some(file.clone()), ..ServeArgs::default() };
        let config = serve::load(&args, &[], &(Arc::new(|_: &str| None) as _)).unwrap();
        let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::default()), LifecycleOptions::default());
        let mut reloader = Reloader::new(&args, &config, lifecycle.clone());
        let ids = || lifecycle.agents().all().iter().map(|agent| agent.id.to_string()).collect::<Vec<_>>();

        write(&(agent("one") + &agent("two")));
        assert_eq!(reloader.reload().unwrap(), Reloaded { agents: 2, waiting: Vec::new() });
        assert_eq!(ids(), ["one", "two"]);

        write("[agents.one]\ntype = \"built-in\"\nmodle = \"demo\"\n");
        let error = reloader.reload().unwrap_err().to_string();
        assert!(error.contains("copilotkit.toml:3") && error.contains("modle"), "{error}");
        assert_eq!(ids(), ["one", "two"], "the old ones stay");

        write(&format!("[limits]\nruns = 7\n{}", agent("three")));
        let reloaded = Reloaded { agents: 1, waiting: vec!["limits".to_owned()] };
        assert_eq!(reloader.reload().unwrap(), reloaded);
        assert_eq!(reloader.reload().unwrap(), reloaded, "it still waits");
        assert_eq!(ids(), ["three"]);
    }
}
