//! The `copilotkit` binary.

use clap::Parser as _;
use copilotkit_cli::args::{Args, Command};
use copilotkit_cli::config::LoggingConfig;
use copilotkit_cli::telemetry::init_log;
use copilotkit_cli::{serve, threads};
use std::process::ExitCode;

/// What the log shows, where the environment says it.
fn directives() -> Option<String> {
    std::env::var_os("COPILOTKIT_LOG")?.into_string().ok()
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let result = match args.command {
        // It sets up its log when it has read how.
        Command::Serve(serve) => serve::run(serve).await,
        Command::Threads(command) => {
            init_log(&LoggingConfig::default(), directives().as_deref(), None);
            threads::run(command).await
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("copilotkit: {error:#}");
            if error.is::<threads::Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
