//! `cargo xtask schema`: everything that is written from the Rust types, so that it cannot say anything else than they
//! do. `--check` compares it with what is committed.

#[cfg(test)]
#[cfg(feature = "schema")]
mod answers;
#[cfg(feature = "schema")]
mod configuration;
#[cfg(feature = "schema")]
mod definitions;
#[cfg(any(test, feature = "schema"))]
mod diff;
#[cfg(feature = "schema")]
mod errors;
#[cfg(feature = "schema")]
mod generate;
#[cfg(any(test, feature = "schema"))]
mod json;
#[cfg(feature = "schema")]
mod limits;
#[cfg(feature = "schema")]
mod metrics;
#[cfg(feature = "schema")]
mod openapi;
#[cfg(test)]
#[cfg(feature = "schema")]
mod parity;
#[cfg(test)]
#[cfg(feature = "schema")]
mod random;
#[cfg(any(test, feature = "schema"))]
mod typescript;

#[cfg(feature = "schema")]
pub(crate) use generate::run;

/// What to do with the generated files.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write nothing: fail when a committed file is not what would be written.
    #[arg(long)]
    check: bool,
}

/// Builds with what is generated from, and runs that.
#[cfg(not(feature = "schema"))]
pub(crate) fn run(root: &std::path::Path, options: &Options) -> anyhow::Result<bool> {
    let mut command = crate::process::cargo();
    command.args(["run", "--quiet", "--package", "xtask", "--features", "schema", "--", "schema"]).current_dir(root);
    if options.check {
        command.arg("--check");
    }
    // Two slow cores may have to build the crates first.
    let limit = std::time::Duration::from_secs(25 * 60);
    Ok(crate::process::stream(&mut command, limit, &mut |_| ())? == crate::process::Ended::Well)
}
