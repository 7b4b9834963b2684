//! The thread store and the address to listen on.

use super::{Context, Finding, Probe};
use crate::config::StoreKind;
use crate::health::local_host;
use crate::listening::explained;
use copilotkit_runtime::store::sqlite::Maintenance;
use std::net::ToSocketAddrs as _;
use std::path::{Path, PathBuf};

pub(super) fn probes(context: &Context<'_>) -> Vec<Probe> {
    let config = context.config;
    let store = match config.store.kind {
        StoreKind::Memory => {
            Probe::local("store", async { Finding::ok("memory: threads are gone when the server stops") })
        }
        StoreKind::Sqlite => {
            let path = PathBuf::from(&config.store.path);
            Probe::local("store", async move {
                let asked = tokio::task::spawn_blocking(move || sqlite(&path)).await;
                asked.unwrap_or_else(|_| Finding::failed("the store could not be looked at", ""))
            })
        }
    };
    let (host, port) = (config.server.host.clone(), config.server.port);
    let http = context.http.clone();
    let address = Probe::local("server", async move { listen(&http, &host, port).await });
    vec![store, address]
}

/// Reads the file beside a server that may use it, or tries its folder.
fn sqlite(path: &Path) -> Finding {
    let remedy = "name a file that this user can write: [store] path, or --store sqlite:PATH";
    if path.exists() {
        return match Maintenance::read(path) {
            Ok(_) => Finding::ok(format!("sqlite: {}", path.display())),
            Err(error) => Finding::failed(format!("sqlite: {}: {error}", path.display()), remedy),
        };
    }
    // The server makes the folders that are missing.
    let folder = path.ancestors().skip(1).find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let tried = folder.join(format!(".copilotkit-check-{}", std::process::id()));
    match std::fs::create_dir(&tried) {
        Ok(()) => match std::fs::remove_dir(&tried) {
            Ok(()) => Finding::ok(format!("sqlite: {}, made at the first start", path.display())),
            Err(error) => Finding::warning(format!("{} was left behind: {error}", tried.display()), "remove it"),
        },
        Err(error) => Finding::failed(format!("sqlite: {} cannot be written: {error}", folder.display()), remedy),
    }
}

async fn listen(http: &reqwest::Client, host: &str, port: u16) -> Finding {
    let place = format!("{host}:{port}");
    let bound = match (host, port).to_socket_addrs() {
        Ok(addresses) => {
            let addresses: Vec<_> = addresses.collect();
            std::net::TcpListener::bind(addresses.as_slice())
        }
        Err(error) => {
            let (detail, remedy) = explained(host, port, &error);
            return Finding::failed(detail, remedy);
        }
    };
    let Err(error) = bound else { return Finding::ok(format!("{place} is free")) };
    let (detail, remedy) = explained(host, port, &error);
    if error.kind() != std::io::ErrorKind::AddrInUse {
        return Finding::failed(detail, remedy);
    }
    let answer = http.get(format!("http://{}:{port}/ready", local_host(host))).send().await;
    match answer {
        Ok(answer) if answer.status().is_success() => Finding::ok(format!("{place}: a server runs there and is ready")),
        _ => Finding::warning(detail, remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;

    #[test]
    fn a_folder_that_cannot_be_made_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let good = sqlite(&folder.path().join("a/b/threads.db"));
        assert_eq!(good.state, State::Ok);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
        std::fs::write(folder.path().join("file"), "").unwrap();
        let bad = sqlite(&folder.path().join("file/threads.db"));
        assert_eq!(bad.state, State::Failed);
        std::fs::write(folder.path().join("no.db"), "this is no database, however long it is written".repeat(99))
            .unwrap();
        assert_eq!(sqlite(&folder.path().join("no.db")).state, State::Failed);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_told() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let options = copilotkit_runtime::client::ClientOptions {
            read_timeout: Some(std::time::Duration::from_millis(200)),
            ..Default::default()
        };
        let http = copilotkit_runtime::client::build(&options).unwrap();
        assert_eq!(listen(&http, "127.0.0.1", port).await.state, State::Warning);
        drop(taken);
        assert_eq!(listen(&http, "127.0.0.1", port).await.state, State::Ok);
        assert_eq!(listen(&http, "nowhere.invalid", port).await.state, State::Failed);
    }
}
