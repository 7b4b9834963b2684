//! The `copilotkit` binary.

use clap::Parser as _;
use copilotkit_cli::args::{Args, Command};
use copilotkit_cli::{chat, check, health, init, serve, threads};
use std::io::IsTerminal as _;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_env("COPILOTKIT_LOG").unwrap_or_else(|_| EnvFilter::new("warn,copilotkit=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let result = match args.command {
        Command::Serve(serve) => serve::run(serve).await.map(|()| ExitCode::SUCCESS),
        Command::Init(args) => init::run(args).map(|()| ExitCode::SUCCESS),
        Command::Check(args) => check::run(args).await,
        Command::Chat(args) => chat::run(args).await,
        Command::Healthcheck(args) => health::run(args).await,
        Command::Threads(command) => threads::run(command).await.map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("copilotkit: {error:#}");
            if error.is::<threads::Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
