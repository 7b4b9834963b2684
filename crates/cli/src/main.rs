//! The `copilotkit` binary.

use clap::Parser as _;
use copilotkit_cli::args::{Args, Command, McpCommand};
use copilotkit_cli::config::LoggingConfig;
use copilotkit_cli::telemetry::init_log;
use copilotkit_cli::{a2a, chat, check, health, init, mcp, serve, threads};
use std::process::ExitCode;

/// What the log shows, where the environment says it.
fn directives() -> Option<String> {
    std::env::var_os("COPILOTKIT_LOG")?.into_string().ok()
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if !matches!(args.command, Command::Serve(_)) {
        // These say themselves what fails; a log would stand between the lines of the conversation, or of the table.
        let tells = matches!(args.command, Command::Chat(_) | Command::Check(_) | Command::Mcp(McpCommand::List(_)));
        let quiet = tells.then(|| "off".to_owned());
        init_log(&LoggingConfig::default(), directives().or(quiet).as_deref(), None);
    }
    let result = match args.command {
        // It sets up its log when it has read how.
        Command::Serve(serve) => serve::run(serve).await,
        Command::Init(args) => init::run(args).map(|()| ExitCode::SUCCESS),
        Command::Check(args) => check::run(args).await,
        Command::Chat(args) => chat::run(args).await,
        Command::Healthcheck(args) => health::run(args).await,
        Command::Threads(command) => threads::run(command).await.map(|()| ExitCode::SUCCESS),
        Command::A2a(command) => a2a::run(command).await,
        Command::Mcp(command) => mcp::run(command).await.map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("copilotkit: {error:#}");
            if error.is::<threads::Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
