//! `mcp login`.

use super::{Desk, explained};
use crate::args::McpLoginArgs;
use crate::threads::terminal::line;
use anyhow::{Context as _, Result, bail};
use copilotkit_mcp::oauth::Login;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How long somebody may take to agree.
const AGREE: Duration = Duration::from_secs(5 * 60);
/// How long one request of the browser may take.
const REQUEST: Duration = Duration::from_secs(5);
/// The longest first line of a request.
const LINE: u64 = 16 * 1024;
const PATH: &str = "/callback";

pub(super) async fn login(args: McpLoginArgs) -> Result<()> {
    let desk = Desk::find(&args.config)?;
    let server = desk.server(&args.server)?;
    let listener = TcpListener::bind(("127.0.0.1", args.port))
        .await
        .with_context(|| format!("cannot listen on port {}, to which the browser would come back", args.port))?;
    let here = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
    // What the server asks for is best known from its own refusal.
    let challenge = desk.lease(&server).tools().await.err().and_then(|error| error.challenge);
    let login = Login::begin(&server, &format!("{here}{PATH}"), challenge.as_deref())
        .await
        .map_err(|error| explained(&server, &error))?;
    eprintln!("copilotkit: open this address in a browser on this machine and agree:\n\n  {}\n", line(login.url()));
    let came_back = tokio::select! {
        came_back = tokio::time::timeout(AGREE, answer(&listener)) => {
            came_back.with_context(|| format!("nobody agreed within {} minutes", AGREE.as_secs() / 60))??
        }
        pressed = tokio::signal::ctrl_c() => {
            pressed.context("Ctrl-C cannot be watched")?;
            bail!("stopped")
        }
    };
    login.finish(&format!("{here}{came_back}")).await.map_err(|error| explained(&server, &error))?;
    eprintln!("copilotkit: logged in; the server `{}` is used with what was agreed to", line(&args.server));
    Ok(())
}

/// The path and query with which the browser comes back.
async fn answer(listener: &TcpListener) -> Result<String> {
    loop {
        let (stream, _) = listener.accept().await.context("the browser cannot come back")?;
        if let Ok(Ok(Some(path))) = tokio::time::timeout(REQUEST, read(stream)).await {
            return Ok(path);
        }
    }
}

async fn read(stream: TcpStream) -> std::io::Result<Option<String>> {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    (&mut stream).take(LINE).read_line(&mut first).await?;
    let path = first.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    let path = path.filter(|path| path.split('?').next() == Some(PATH));
    let (status, text) = match &path {
        Some(_) => ("200 OK", "Done. You can close this page and go back to the terminal."),
        None => ("404 Not Found", "There is nothing here."),
    };
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    );
    stream.get_mut().write_all(answer.as_bytes()).await?;
    stream.get_mut().shutdown().await?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_browser_comes_back_and_others_are_sent_away() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let visit = async |path: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let browser = async {
            assert!(visit("/favicon.ico").await.starts_with("HTTP/1.1 404"));
            assert!(visit("/callback?code=c&state=s").await.starts_with("HTTP/1.1 200"));
        };
        let (came_back, ()) = tokio::join!(answer(&listener), browser);
        assert_eq!(came_back.unwrap(), "/callback?code=c&state=s");
    }
}
