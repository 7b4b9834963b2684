//! Agents and models behind TLS, whose certificate the system's own are asked about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

use base64::prelude::{BASE64_STANDARD, Engine as _};
use copilotkit_fixtures::agent_server::{AgentServer, Script};
use copilotkit_fixtures::model_server::{ModelServer, Reply};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_util::task::TaskTracker;

/// An authority that this test alone knows, and TLS in the name of `localhost` in front of whatever is asked for.
struct Authority {
    pem: String,
    acceptor: TlsAcceptor,
    tasks: TaskTracker,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let der = BASE64_STANDARD.encode(authority.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
        Self { pem, acceptor: TlsAcceptor::from(Arc::new(server)), tasks: TaskTracker::new() }
    }

    /// The address of `http://127.0.0.1:PORT/…` behind TLS.
    async fn in_front_of(&self, url: &str) -> String {
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shown = format!("https://localhost:{}/{path}", listener.local_addr().unwrap().port());
        let (acceptor, host, tasks) = (self.acceptor.clone(), host.to_owned(), self.tasks.clone());
        self.tasks.spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, host) = (acceptor.clone(), host.clone());
                tasks.spawn(async move {
                    // A client that does not know the authority hangs up.
                    let Ok(mut tls) = acceptor.accept(socket).await else { return };
                    let mut peer = TcpStream::connect(host).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut tls, &mut peer).await;
                });
            }
        });
        shown
    }
}

/// Says hi, and shows the status and both outputs.
async fn chat(folder: &Path, args: &[&str], authority: Option<&Path>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_copilotkit"));
    command.args(["chat", "hi"]).args(args).env_clear().current_dir(folder).stdin(Stdio::null());
    if let Some(file) = authority {
        command.env("SSL_CERT_FILE", file);
    }
    let output = command.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[tokio::test]
async fn agents_and_models_are_reached_where_the_authority_is_known_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    let script = || {
        Script::events([
            r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#,
            r#"{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}"#,
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"from behind TLS"}"#,
            r#"{"type":"TEXT_MESSAGE_END","messageId":"m"}"#,
            r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r"}"#,
        ])
    };
    let agent = AgentServer::start(script()).await.unwrap();
    let said = json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "delta": { "content": "from behind TLS" }, "finish_reason": "stop" }] });
    let model = ModelServer::start([Reply::sse(format!("data: {said}\n\ndata: [DONE]\n\n"))]).await;
    let agent_url = authority.in_front_of(&agent.url()).await;
    let model_url = authority.in_front_of(&model.base_url()).await;
    let config = format!(
        "[store]\nkind = \"memory\"\n[agents.default]\ntype = \"ag-ui\"\nurl = \"{agent_url}\"\n\
         [agents.model]\ntype = \"built-in\"\nmodel = \"custom/m\"\nbase_url = \"{model_url}\"\nmax_retries = 0\n"
    );
    std::fs::write(folder.path().join("copilotkit.toml"), config).unwrap();

    for args in [&["--agent", "default"][..], &["--agent", "model"]] {
        let (code, said) = chat(folder.path(), args, None).await;
        assert!(code == Some(1) && said.contains("certificate"), "{args:?}: {code:?} {said}");
        let (code, said) = chat(folder.path(), args, Some(&file)).await;
        assert!(code == Some(0) && said.contains("from behind TLS"), "{args:?}: {code:?} {said}");
    }
    // Without anything that is trusted the server is there all the same, for those that need no TLS.
    let (code, said) = chat(folder.path(), &["--agent", "default"], Some(Path::new("/nowhere.pem"))).await;
    assert!(code == Some(1) && said.contains("ertificate"), "{code:?} {said}");
}
