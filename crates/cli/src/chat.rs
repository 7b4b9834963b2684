//! `copilotkit chat`: an agent on the terminal, of this configuration or of any server.

mod commands;
mod events;
mod lines;
pub(crate) mod questions;
mod server;
mod session;
mod view;
mod wire;

pub(crate) use wire::plain;

use crate::args::{ChatArgs, ServeArgs};
use crate::config::Environment;
use crate::terminal::{CtrlC, strip};
use crate::{serve, wiring};
use anyhow::{Context as _, Result, anyhow, bail};
use commands::Said;
use copilotkit_protocol::{Event, EventKind, RunFinishedOutcome};
use copilotkit_runtime::Lifecycle;
use copilotkit_runtime::http::{HostPolicy, Mode, Surface, SurfaceOptions};
use copilotkit_runtime::store::sqlite::OpenError;
use events::Next;
use lines::{Line, Lines};
use server::Server;
use session::{Session, Turn};
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use view::View;
use wire::Wire;

/// How long runs of this process may take to end when the chat does.
const DRAIN: Duration = Duration::from_secs(2);
/// The exit status of a run that waits for an answer.
pub(crate) const WAITS: u8 = 3;
/// The exit status of a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;
/// The largest message from the standard input, in bytes.
const MESSAGE_MAX: u64 = 8 * 1024 * 1024;

/// What runs the agents of this process; it is kept for as long as the chat.
struct Local {
    lifecycle: Lifecycle,
    _store: wiring::OpenedStore,
}

/// Talks until the person, or the input, has no more to say.
///
/// # Errors
/// A wrong configuration, a server that cannot be reached or is none, a thread that cannot be read.
pub async fn run(args: ChatArgs) -> Result<ExitCode> {
    let (environment, lookup) = serve::environment();
    let (wire, local) = match &args.url {
        Some(url) => {
            // The variable may be set for the other commands.
            let variable = lookup("COPILOTKIT_CONFIG");
            if args.config.as_deref().is_some_and(|file| variable.as_deref().map(Path::new) != Some(file)) {
                bail!("--config is for a chat without --url: a server has a configuration of its own")
            }
            (Wire::to(url, token(&args, &lookup)?)?, None)
        }
        None => {
            if args.token_env.is_some() {
                bail!(
                    "--token-env is for a server: add --url. Without it the chat runs in this process, for its own user"
                )
            }
            let (wire, local) = local(&args, &environment, &lookup).await?;
            (wire, Some(local))
        }
    };
    let ended = talk(&args, wire).await;
    if let Some(local) = local {
        local.lifecycle.drain(DRAIN).await;
    }
    ended
}

fn token(args: &ChatArgs, lookup: &Environment) -> Result<Option<String>> {
    let Some(variable) = &args.token_env else { return Ok(None) };
    match lookup(variable).filter(|token| !token.trim().is_empty()) {
        Some(token) => Ok(Some(token)),
        None if variable.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && variable.len() <= 64 => {
            bail!("--token-env {variable}: this environment variable is not set: export {variable}=…")
        }
        // It may be the token itself, which is not shown.
        None => bail!("--token-env takes the name of an environment variable that holds the token, not the token"),
    }
}

/// The agents of the configuration, behind the same surface as a server's. Whoever may read the configuration may use
/// it: threads are those of a server without authentication.
async fn local(args: &ChatArgs, environment: &[(String, String)], lookup: &Environment) -> Result<(Wire, Local)> {
    let settings = ServeArgs { config: args.config.clone(), store: args.store.clone(), ..ServeArgs::default() };
    let config = serve::load(&settings, environment, lookup)?;
    let store = wiring::open_store(&config).await.map_err(|error| match error.downcast_ref() {
        Some(wiring::Unopened(OpenError::InUse { path, .. })) => {
            let base = config.server.base_path.items().first().map_or("", String::as_str);
            let (host, port) = (&config.server.host, config.server.port);
            anyhow!(
                "the thread store {} is in use by another process\n  to mend it: if that is a server, talk to it by --url \
                 http://{host}:{port}{base}, or wherever it listens; otherwise --store sqlite:PATH names another file, and --store memory keeps \
                 threads only until the chat ends",
                path.display()
            )
        }
        _ => error,
    })?;
    let lifecycle = wiring::lifecycle(&config, lookup, store.store.clone())?;
    let options = SurfaceOptions {
        base_paths: vec![String::new()],
        mode: Mode::Both,
        hosts: HostPolicy::Any,
        auth: None,
        ..wiring::surface_options(&config, IpAddr::V4(Ipv4Addr::LOCALHOST), lookup)?
    };
    let surface = Surface::new(lifecycle.clone(), options);
    Ok((Wire::Local(surface), Local { lifecycle, _store: store }))
}

async fn talk(args: &ChatArgs, wire: Wire) -> Result<ExitCode> {
    let server = Server::find(wire, args.agent.as_deref()).await?;
    let mut session = Session::new(server, View::new(), again(args));
    if let Some(thread) = &args.thread {
        session.open(thread).await?;
    }
    if args.json {
        return events_as_json(&mut session, args.message.clone()).await;
    }
    if let Some(message) = args.message.clone() {
        nothing(&message)?;
        // Questions are put only to a person: a script's input may be anything.
        let person = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let mut lines = if person { Some(Lines::open()?) } else { None };
        return Ok(code(session.turn(message, &mut lines).await?));
    }
    conversation(session, args.thread.is_some()).await
}

/// The command that leads to the same server and agent.
fn again(args: &ChatArgs) -> String {
    let mut command = "copilotkit chat".to_owned();
    let config = args.config.as_ref().filter(|_| args.url.is_none()).map(|file| file.display().to_string());
    for (flag, value) in [
        ("--url", &args.url),
        ("--token-env", &args.token_env),
        ("--config", &config),
        ("--store", &args.store),
        ("--agent", &args.agent),
    ] {
        if let Some(value) = value {
            command.push_str(&format!(" {flag} {}", strip(value)));
        }
    }
    command
}

fn code(turn: Turn) -> ExitCode {
    match turn {
        Turn::Done => ExitCode::SUCCESS,
        Turn::Failed => ExitCode::FAILURE,
        Turn::Waits => WAITS.into(),
        Turn::Stopped | Turn::Left => INTERRUPTED.into(),
    }
}

/// Turn by turn, with a person or with the lines of a pipe.
async fn conversation(mut session: Session, old: bool) -> Result<ExitCode> {
    let opened = Lines::open()?;
    let interactive = opened.interactive();
    let mut lines = Some(opened);
    if interactive {
        let who = strip(&session.server.who());
        session.view.note(&format!("talking to {who}; /help says what else there is, Ctrl-D leaves"))?;
        if old {
            session.show_history()?;
        }
    }
    let prompt = session.view.style().bold("> ").into_owned();
    let mut interrupted = false;
    loop {
        match session.resume(&mut lines).await? {
            Turn::Left => return Ok(INTERRUPTED.into()),
            Turn::Done => {}
            _ if interactive => {}
            turn => return Ok(code(turn)),
        }
        let Some(reader) = &mut lines else { return Ok(ExitCode::SUCCESS) };
        let line = match reader.next(&prompt).await? {
            Line::Text(line) => line,
            Line::End => return Ok(ExitCode::SUCCESS),
            Line::Interrupted if !interactive => return Ok(INTERRUPTED.into()),
            Line::Interrupted if interrupted => return Ok(ExitCode::SUCCESS),
            Line::Interrupted => {
                interrupted = true;
                session.view.note("Ctrl-C again, Ctrl-D or /quit leaves")?;
                continue;
            }
        };
        interrupted = false;
        let words = match Said::of(&line) {
            Said::Nothing => continue,
            Said::Words(words) => words,
            Said::Command(command, rest) => match session.command(command, &rest).await {
                Ok(true) => continue,
                Ok(false) => return Ok(ExitCode::SUCCESS),
                Err(error) if interactive => {
                    session.view.failed(&format!("{error:#}"))?;
                    continue;
                }
                Err(error) => return Err(error),
            },
        };
        match session.turn(words, &mut lines).await? {
            Turn::Left => return Ok(INTERRUPTED.into()),
            Turn::Done => {}
            _ if interactive => {}
            turn => return Ok(code(turn)),
        }
    }
}

/// Refuses a message without words.
fn nothing(message: &str) -> Result<()> {
    if message.trim().is_empty() {
        bail!("there is nothing to say: give a message, or pipe one in")
    }
    Ok(())
}

/// One run, its events as they came, one a line.
async fn events_as_json(session: &mut Session, message: Option<String>) -> Result<ExitCode> {
    let message = match message {
        Some(message) => message,
        None => {
            let reading = tokio::task::spawn_blocking(|| {
                let mut text = String::new();
                std::io::stdin().lock().take(MESSAGE_MAX).read_to_string(&mut text).map(|_| text)
            });
            let text = reading.await.context("the standard input was not read")?;
            text.context("the standard input cannot be read")?.trim_end().to_owned()
        }
    };
    nothing(&message)?;
    let Some(input) = session.begin(message, &mut None).await? else { return Ok(WAITS.into()) };
    let mut ctrl_c = CtrlC::new();
    let mut events = session.server.run(&input).await?;
    let mut ended = Err(anyhow!("the stream ended before the run did"));
    loop {
        let raw = tokio::select! {
            next = events.next_raw() => match next? {
                Next::Raw(raw) => raw,
                Next::End => return ended,
            },
            () = ctrl_c.pressed() => {
                session.server.stop(&session.thread_id).await?;
                return Ok(INTERRUPTED.into());
            }
        };
        // Line ends between members would break one event into several lines.
        let line = match raw.contains(&b'\n') || raw.contains(&b'\r') {
            true => serde_json::from_slice::<serde_json::Value>(&raw).map(|value| value.to_string().into_bytes()),
            false => Ok(raw.to_vec()),
        };
        let Ok(mut line) = line else { continue };
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        if let Err(error) = out.write_all(&line).and_then(|()| out.flush()) {
            // Whoever read, like `head`, has enough.
            return if error.kind() == std::io::ErrorKind::BrokenPipe {
                Ok(ExitCode::SUCCESS)
            } else {
                Err(error.into())
            };
        }
        if let Ok(event) = Event::from_json(&raw)
            && matches!(event.kind(), EventKind::RunError | EventKind::RunFinished)
        {
            ended = Ok(match event {
                Event::RunError(_) => ExitCode::FAILURE,
                Event::RunFinished(event) if matches!(event.outcome, Some(RunFinishedOutcome::Interrupt(_))) => {
                    WAITS.into()
                }
                _ => ExitCode::SUCCESS,
            });
        }
    }
}
