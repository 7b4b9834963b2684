//! What a replay costs the server: connects per second of its CPU time, beside a bare server that writes the same bytes;
//! and what the runs cost that are replayed.
//!
//! `cargo run --release -p copilotkit-runtime --example replay_cost [SECONDS]`. Linux only: CPU time is read from
//! /proc. Both servers are processes of their own with one thread, measured in turns; their ratio is what counts.

use axum::body::{Body, Bytes};
use axum::response::Response;
use axum::routing::post;
use copilotkit_protocol::{Event, RunFinished, RunStarted, build};
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::{
    Agent, AgentRegistry, Emitted, EventStream, Lifecycle, LifecycleOptions, Registered, RunContext,
};
use futures::{StreamExt as _, future, stream};
use std::convert::Infallible;
use std::error::Error;
use std::io::{BufRead as _, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn Error + Send + Sync>;

/// Threads of 10,100 events: name, runs, messages of each run, pieces of each message.
const SHAPES: [(&str, usize, usize, usize); 3] =
    [("hundred-runs", 100, 1, 97), ("one-run", 1, 1, 10_096), ("short-messages", 100, 33, 1)];
const TURN: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 8;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match args.get(1).map(String::as_str) {
        Some("ours") => runtime.block_on(ours()),
        Some("bare") => runtime.block_on(bare()),
        seconds => runtime.block_on(measure(seconds.map_or(Ok(6), str::parse)?)),
    }
}

async fn measure(seconds: u64) -> Result<(), Failure> {
    println!("{:14} {:6} {:>14} {:>12} {:>10}", "thread", "server", "replays/CPU s", "CPU us each", "bytes");
    for (shape, runs, messages, pieces) in SHAPES {
        let mut ours = Server::start("ours")?;
        for run in 0..runs {
            ours.ask(&mut ours.connect().await?, &format!("{shape}/run"), "t", run).await?;
        }
        let bytes = ours.ask(&mut ours.connect().await?, &format!("{shape}/connect"), "t", 0).await?;
        let mut bare = Server::start("bare")?;
        bare.send(&mut bare.connect().await?, "keep", &String::from_utf8(bytes.clone())?).await?;
        for _ in 0..seconds {
            for server in [&mut ours, &mut bare] {
                server.turn(&format!("{shape}/connect")).await?;
            }
        }
        let mut runs = Server::start("ours")?;
        for _ in 0..seconds {
            runs.turn(&format!("{shape}/run")).await?;
        }
        for server in [&ours, &bare] {
            let each = server.cpu / server.replays as f64;
            println!("{shape:14} {:6} {:>14.0} {:>12.1} {:>10}", server.name, 1.0 / each, each * 1e6, bytes.len());
        }
        let each = runs.cpu / (runs.replays * (messages * (pieces + 2) + 2)) as f64;
        println!("{shape:14} {:6} {:>14} {:>12.3} for each event of a live run", "ours", "", each * 1e6);
    }
    Ok(())
}

struct Server {
    name: &'static str,
    child: Child,
    port: u16,
    replays: usize,
    cpu: f64,
}

impl Server {
    fn start(name: &'static str) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg(name).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        Ok(Self { name, child, port: line.trim().parse()?, replays: 0, cpu: 0.0 })
    }

    async fn connect(&self) -> Result<TcpStream, Failure> {
        Ok(TcpStream::connect(("127.0.0.1", self.port)).await?)
    }

    async fn ask(&self, socket: &mut TcpStream, route: &str, thread: &str, run: usize) -> Result<Vec<u8>, Failure> {
        let body = format!(
            r#"{{"threadId":"{thread}","runId":"r{run}","protocolVersion":"1.0","state":{{}},"messages":[{{"id":"u{run}","role":"user","content":"Hi"}}],"tools":[],"context":[],"forwardedProps":{{}}}}"#
        );
        self.send(socket, &format!("agent/{route}"), &body).await
    }

    /// Sends a request and reads the chunked answer, without its framing.
    async fn send(&self, socket: &mut TcpStream, route: &str, body: &str) -> Result<Vec<u8>, Failure> {
        let head = format!(
            "POST /copilotkit/{route} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await?;
        let mut answer = Vec::new();
        let end = b"\r\n0\r\n\r\n";
        while !answer.ends_with(end) {
            if socket.read_buf(&mut answer).await? == 0 {
                return Err("the server hung up".into());
            }
        }
        let at = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("no head")?;
        let mut rest = answer.get(at + 4..).unwrap_or_default();
        let mut data = Vec::new();
        while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..line])?, 16)?;
            data.extend_from_slice(rest.get(line + 2..line + 2 + size).ok_or("a short chunk")?);
            rest = rest.get(line + 4 + size..).unwrap_or_default();
        }
        Ok(data)
    }

    async fn turn(&mut self, route: &str) -> Result<(), Failure> {
        let (before, until) = (self.cpu_time()?, Instant::now() + TURN);
        let server = &*self;
        let begun = server.replays;
        let clients = (0..CONNECTIONS).map(|client| async move {
            let mut socket = server.connect().await?;
            let mut count = 0;
            while Instant::now() < until {
                // A replay is of the one thread, a run on one of its own.
                let thread = match route.ends_with("/run") {
                    true => format!("{begun}-{client}-{count}"),
                    false => "t".to_owned(),
                };
                server.ask(&mut socket, route, &thread, 0).await?;
                count += 1;
            }
            Ok::<usize, Failure>(count)
        });
        let replays = future::try_join_all(clients).await?.iter().sum::<usize>();
        self.replays += replays;
        self.cpu += self.cpu_time()? - before;
        Ok(())
    }

    /// Seconds of CPU that the server has used: the fields 14 and 15 of its stat, in hundredths.
    fn cpu_time(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let rest = stat.rsplit_once(')').ok_or("no stat")?.1;
        let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has been told to end; what it answers does not matter.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

async fn listen() -> Result<TcpListener, Failure> {
    // Ends with whoever started it.
    std::thread::spawn(|| {
        let mut buffer = [0; 64];
        while std::io::stdin().read(&mut buffer).is_ok_and(|count| count > 0) {}
        std::process::exit(0);
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    Ok(listener)
}

async fn ours() -> Result<(), Failure> {
    let listener = listen().await?;
    let agents = SHAPES.map(|(name, _, messages, pieces)| Registered::new(name, Scripted { messages, pieces }));
    let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::new(agents)), LifecycleOptions::default());
    let surface = Surface::new(lifecycle, SurfaceOptions::default());
    serve(listener, surface, ServeOptions::default(), future::pending(), future::pending()).await;
    Ok(())
}

struct Scripted {
    messages: usize,
    pieces: usize,
}

impl Agent for Scripted {
    fn run(&self, context: RunContext) -> EventStream {
        let (thread_id, run_id) = (context.input.thread_id.clone(), context.input.run_id.clone());
        let started = RunStarted { thread_id: thread_id.clone(), run_id: run_id.clone(), ..Default::default() };
        let finished = Event::from(RunFinished { thread_id, run_id: run_id.clone(), ..Default::default() });
        let pieces = self.pieces;
        let messages = (0..self.messages).flat_map(move |index| {
            let [start, content, end] = build::message(format!("m-{run_id}-{index}"), "and the next words of it all");
            std::iter::once(start).chain(std::iter::repeat_n(content, pieces)).chain([end])
        });
        let events = std::iter::once(Event::from(started)).chain(messages).chain([finished]);
        stream::iter(events).map(|event| Ok(Emitted::from(event))).boxed()
    }
}

/// Keeps one body, and answers every request with it.
async fn bare() -> Result<(), Failure> {
    let listener = listen().await?;
    let kept = Arc::new(std::sync::OnceLock::<Bytes>::new());
    let answer = move |request: axum::extract::Request| {
        let kept = kept.clone();
        async move {
            let path = request.uri().path().to_owned();
            let body = axum::body::to_bytes(request.into_body(), 1 << 26).await.unwrap_or_default();
            let bytes = kept.get_or_init(|| body).clone();
            let keep = path.ends_with("keep");
            let pieces = (!keep).then_some(Ok::<_, Infallible>(bytes));
            Response::new(Body::from_stream(stream::iter(pieces)))
        }
    };
    let app = axum::Router::new().fallback(post(answer)).layer(axum::extract::DefaultBodyLimit::disable());
    serve(listener, app, ServeOptions::default(), future::pending(), future::pending()).await;
    Ok(())
}
