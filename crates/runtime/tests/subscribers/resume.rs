//! Resuming by cursor as a client sees it, over a real socket.

use super::agents::{lifecycle, message};
use crate::harness::{RUN, Server, input, json_of, read_until, send, serve_surface, status};
use copilotkit_runtime::LifecycleOptions;
use copilotkit_runtime::http::server::ServeOptions;
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use futures::StreamExt as _;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

const CONNECT: &str = "/copilotkit/agent/default/connect";
const END: &str = "\r\n0\r\n\r\n";

/// A server whose agent says a word for each permit that is given; `ends` after so many.
async fn server(words: usize) -> (Server, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(0));
    let given = permits.clone();
    let agent = move |context: copilotkit_runtime::RunContext| {
        let given = given.clone();
        let pieces = futures::stream::iter(0..words).then(move |index| {
            let given = given.clone();
            async move {
                given.acquire().await.unwrap().forget();
                format!("word-{index} ")
            }
        });
        message(&context, pieces)
    };
    let surface = Surface::new(lifecycle(agent, LifecycleOptions::default()), SurfaceOptions::default());
    (serve_surface(surface, ServeOptions::default()).await, permits)
}

async fn ask(server: &Server, path: &str, header: &str, until: &str) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    send_to(&mut socket, path, header, &input("t")).await;
    let answer = read_until(&mut socket, until).await;
    (socket, answer)
}

async fn send_to(socket: &mut TcpStream, path: &str, header: &str, body: &str) {
    // The harness ends the line with the version: further headers stand behind it.
    let line = format!("POST {path}");
    match header {
        "" => send(socket, &line, body).await,
        header => {
            use tokio::io::AsyncWriteExt as _;
            let length = body.len();
            let request = format!("{line} HTTP/1.1\r\nhost: x\r\n{header}\r\ncontent-length: {length}\r\n\r\n{body}");
            socket.write_all(request.as_bytes()).await.unwrap();
        }
    }
}

/// The ids of an answer, each with the type of its event.
fn ids(answer: &str) -> Vec<(u64, String)> {
    let events = answer.split("\n\n").filter_map(|event| event.split_once("id: "));
    let events = events.map(|(_, event)| event.split_once("\ndata: ").unwrap());
    let kind =
        |data: &str| serde_json::from_str::<serde_json::Value>(data).unwrap()["type"].as_str().unwrap().to_owned();
    events.map(|(id, data)| (id.parse().unwrap(), kind(data))).collect()
}

fn expected(ids: &[(u64, &str)]) -> Vec<(u64, String)> {
    ids.iter().map(|(id, kind)| (*id, (*kind).to_owned())).collect()
}

const WORD: &str = "TEXT_MESSAGE_CONTENT";

#[tokio::test]
async fn a_client_goes_on_behind_the_last_event_that_it_read() {
    let (server, permits) = server(4).await;
    permits.add_permits(2);
    let (run, answer) = ask(&server, &format!("{RUN}?cursor="), "", "word-1").await;
    let begin = [(0, "RUN_STARTED"), (1, "TEXT_MESSAGE_START"), (2, WORD), (3, WORD)];
    assert_eq!(ids(&answer), expected(&begin));
    assert!(!answer.to_ascii_lowercase().contains("x-resume"), "nothing was asked to go on: {answer}");
    drop(run);
    // In the live run, by the header, by the parameter, and as a client does that repeats its request.
    let (mut by_header, first) = ask(&server, CONNECT, "Last-Event-ID: 2", "word-1").await;
    let (mut by_query, head) = ask(&server, &format!("{CONNECT}?cursor=3"), "", "\r\n\r\n").await;
    let (mut again, _) = ask(&server, RUN, "last-event-id: 3", "\r\n\r\n").await;
    for head in [&first, &head] {
        assert!(head.contains("x-resume: cursor\r\n"), "{head}");
        assert!(head.contains("access-control-expose-headers: x-resume\r\n"), "{head}");
    }
    permits.add_permits(2);
    let end = [(4, WORD), (5, WORD), (6, "TEXT_MESSAGE_END"), (7, "RUN_FINISHED")];
    let first = first + &read_until(&mut by_header, END).await;
    assert_eq!(ids(&first), expected(&[&[(3, WORD)][..], &end].concat()));
    for socket in [&mut by_query, &mut again] {
        assert_eq!(ids(&read_until(socket, END).await), expected(&end));
    }
    // At the end of a finished run nothing is missing; inside of it, or beyond the log, all of it is sent again.
    let (_, nothing) = ask(&server, CONNECT, "Last-Event-ID: 7", END).await;
    assert!(nothing.contains("x-resume: cursor\r\n") && !nothing.contains("data: "), "{nothing}");
    let compact =
        [(0, "RUN_STARTED"), (1, "TEXT_MESSAGE_START"), (2, WORD), (3, "TEXT_MESSAGE_END"), (7, "RUN_FINISHED")];
    for cursor in ["0", "3", "6", "8", "18446744073709551615"] {
        let (_, whole) = ask(&server, &format!("{CONNECT}?cursor={cursor}"), "", END).await;
        assert!(whole.contains("x-resume: full\r\n"), "{cursor}: {whole}");
        assert_eq!(ids(&whole), expected(&compact), "{cursor}");
    }
    // A next run behind one that the client has seen to its end.
    permits.add_permits(4);
    let (_, second) = ask(&server, RUN, "", END).await;
    assert!(second.contains("RUN_FINISHED"));
    let (_, rest) = ask(&server, CONNECT, "Last-Event-ID: 7", END).await;
    assert!(rest.contains("x-resume: cursor\r\n"), "{rest}");
    let ids: Vec<u64> = ids(&rest).iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [8, 9, 10, 11, 15]);
}

#[tokio::test]
async fn who_does_not_ask_for_ids_gets_none() {
    let (server, permits) = server(1).await;
    permits.add_permits(1);
    for path in [RUN, CONNECT, "/copilotkit/agent/default/connect?x=1"] {
        let (_, answer) = ask(&server, path, "", END).await;
        assert!(answer.contains("word-0") && !answer.contains("id: "), "{answer}");
        assert!(!answer.to_ascii_lowercase().contains("x-resume"), "{answer}");
    }
    // Nothing of a suggestion can be read again.
    permits.add_permits(1);
    let (_, answer) = ask(&server, "/copilotkit/agent/default/suggest?cursor=1", "", END).await;
    assert!(answer.contains("word-0") && !answer.contains("id: "), "{answer}");
}

#[tokio::test]
async fn a_wrong_cursor_is_a_400_that_names_it() {
    let (server, _) = server(1).await;
    let enveloped = format!(r#"{{"method":"agent/connect","params":{{"agentId":"default"}},"body":{}}}"#, input("t"));
    for path in [RUN, CONNECT, "/copilotkit"] {
        for (query, header, name) in [("?cursor=abc", "x-y: z", "cursor"), ("", "Last-Event-ID: -1", "Last-Event-ID")] {
            let mut socket = TcpStream::connect(server.address).await.unwrap();
            let body = if path == "/copilotkit" { enveloped.clone() } else { input("t") };
            let header = format!("content-type: application/json\r\n{header}\r\nconnection: close");
            send_to(&mut socket, &format!("{path}{query}"), &header, &body).await;
            let answer = read_until(&mut socket, "\"}").await;
            assert_eq!(status(&answer), 400, "{answer}");
            let answer = json_of(&answer);
            assert_eq!(answer["code"], "invalid_parameter");
            assert!(answer["message"].as_str().unwrap().starts_with(&format!("{name}: ")), "{answer}");
        }
    }
}
