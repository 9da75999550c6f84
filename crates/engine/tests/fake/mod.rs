//! An engine made of fixed answers: it listens on a unix socket and plays one [`Reaction`] for each request, in order.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Client, Endpoint, Error, Timeouts};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// What to do with a request.
#[derive(Clone)]
pub(crate) enum Reaction {
    /// Send these bytes, then close.
    Send(Vec<u8>),
    /// Read the request and never answer.
    Hang,
    /// Send these bytes, then keep the connection open in silence.
    SendAndHang(Vec<u8>),
    /// Close before reading anything.
    CloseAtOnce,
}

/// The fake engine. It ends with the test's runtime.
pub(crate) struct Fake {
    _folder: TempDir,
    socket: PathBuf,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// Starts one that greets as an engine of this API version, then plays the reactions.
    pub(crate) fn start(reactions: Vec<Reaction>) -> Self {
        let mut all = vec![answer("200 OK", "Api-Version: 1.41\r\n", "OK")];
        all.extend(reactions);
        Self::start_rude(all)
    }

    /// Starts one that plays the reactions from the first request on.
    pub(crate) fn start_rude(reactions: Vec<Reaction>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            for reaction in reactions {
                let (stream, _) = listener.accept().await.unwrap();
                play(stream, reaction, &seen).await;
            }
        });
        Self { _folder: folder, socket, requests }
    }

    /// A client of it, with short deadlines.
    pub(crate) async fn client(&self) -> Result<Client, Error> {
        let short = Duration::from_millis(300);
        let timeouts = Timeouts { connect: short, call: short, registry: short, logs: short };
        Client::connect(Endpoint::Unix(self.socket.clone()), timeouts).await
    }

    /// The heads and bodies of the requests so far, without the greeting.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap()[1..].to_vec()
    }
}

async fn play(mut stream: UnixStream, reaction: Reaction, seen: &Mutex<Vec<String>>) {
    if matches!(reaction, Reaction::CloseAtOnce) {
        return;
    }
    let request = read_request(&mut stream).await;
    seen.lock().unwrap().push(request);
    match reaction {
        Reaction::Send(bytes) => stream.write_all(&bytes).await.unwrap(),
        Reaction::Hang => keep_open(stream),
        Reaction::SendAndHang(bytes) => {
            stream.write_all(&bytes).await.unwrap();
            keep_open(stream);
        }
        Reaction::CloseAtOnce => {}
    }
}

fn keep_open(stream: UnixStream) {
    tokio::spawn(async move {
        let _open = stream;
        std::future::pending::<()>().await;
    });
}

/// Reads a request's head and as much of a body as its head announces.
async fn read_request(stream: &mut UnixStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0usize) {
                return text;
            }
        }
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "the request ended early: {text}");
        request.extend_from_slice(&buffer[..read]);
    }
}

/// A whole answer with a body of known length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Reaction {
    Reaction::Send(
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes(),
    )
}

/// A 200 with JSON.
pub(crate) fn json(body: &str) -> Reaction {
    answer("200 OK", "Content-Type: application/json\r\n", body)
}

/// An error as the engine reports it.
pub(crate) fn refusal(status: &str, message: &str) -> Reaction {
    answer(status, "", &serde_json::json!({ "message": message }).to_string())
}

/// A 200 whose body comes in chunks of the given sizes.
pub(crate) fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}
