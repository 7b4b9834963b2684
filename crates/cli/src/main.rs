//! The `copilotkit` binary.

use clap::Parser as _;
use copilotkit_cli::args::{Args, Command};
use copilotkit_cli::{a2a, serve, threads};
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
        Command::Serve(serve) => serve::run(serve).await,
        Command::Threads(command) => threads::run(command).await,
        Command::A2a(command) => a2a::run(command).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("copilotkit: {error:#}");
            if error.is::<threads::Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
