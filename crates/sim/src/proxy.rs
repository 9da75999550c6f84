//! A proxy in front of a real engine's socket that does to calls what the simulator does to them: the same faults, at the same
//! places of a deployer's calls. Over a unix socket Tidegate makes a connection for each call, so a connection is a call.
//!
//! What the simulator does inside the managers cannot be done here: foreign edits and status writes are left alone, and a process
//! is not made to stand still. A lost request or answer breaks the connection at once instead of after half a minute.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use crate::{Fault, Faults};

/// The largest head and the largest body of a request that are passed on.
const LARGEST_HEAD: usize = 64 << 10;
const LARGEST_BODY: usize = 16 << 20;

/// A proxy for one deployer.
#[derive(Clone)]
pub struct Proxy {
    engine: PathBuf,
    counted: Arc<Mutex<Counted>>,
}

struct Counted {
    faults: Faults,
    calls: u64,
    writes: u64,
    happened: Vec<(String, Fault)>,
}

/// A request as it was sent, but for one header: the engine is to close the connection after its answer.
struct Request {
    bytes: Vec<u8>,
    line: String,
    writes: bool,
}

impl Proxy {
    /// A proxy in front of the engine at this socket, with these faults.
    pub fn new(engine: &Path, faults: Faults) -> Self {
        let counted = Counted { faults, calls: 0, writes: 0, happened: Vec::new() };
        Self { engine: engine.to_owned(), counted: Arc::new(Mutex::new(counted)) }
    }

    /// What has happened so far: to which request, and what.
    pub fn happened(&self) -> Vec<(String, Fault)> {
        self.counted().happened.clone()
    }

    /// How many writing calls there were so far.
    pub fn write_count(&self) -> u64 {
        self.counted().writes
    }

    /// Takes calls on a socket, for ever.
    pub async fn serve(&self, listener: UnixListener) -> io::Result<()> {
        loop {
            let (client, _) = listener.accept().await?;
            let proxy = self.clone();
            // A call that breaks is what this is for.
            tokio::spawn(async move { drop(proxy.carry(client).await) });
        }
    }

    fn counted(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn carry(&self, mut client: UnixStream) -> io::Result<()> {
        let Some(request) = Request::read(&mut client).await? else { return Ok(()) };
        match self.draw(&request) {
            // Dropping the connection is what the caller sees of both.
            Some(Fault::Unreachable | Fault::LostRequest) => Ok(()),
            Some(Fault::LostAnswer) => {
                self.ask(&request).await?;
                Ok(())
            }
            Some(Fault::Resent) => {
                self.ask(&request).await?;
                let second = self.ask(&request).await?;
                client.write_all(&second).await
            }
            Some(Fault::NoLeader) => refuse(&mut client, "The swarm does not have a leader.").await,
            Some(Fault::NoLeaderAfter) => {
                self.ask(&request).await?;
                refuse(&mut client, "node lost leader status").await
            }
            Some(Fault::Slow(milliseconds)) => {
                sleep(Duration::from_millis(milliseconds.into())).await;
                self.pass(&request, client).await
            }
            Some(Fault::Late(milliseconds)) => {
                let answer = self.ask(&request).await?;
                sleep(Duration::from_millis(milliseconds.into())).await;
                client.write_all(&answer).await
            }
            Some(Fault::StatusWrite | Fault::ForeignEdit | Fault::NoopUpdate | Fault::Freeze(_)) | None => {
                self.pass(&request, client).await
            }
        }
    }

    fn draw(&self, request: &Request) -> Option<Fault> {
        let mut counted = self.counted();
        counted.calls += 1;
        counted.writes += u64::from(request.writes);
        let (call, write) = (counted.calls, request.writes.then_some(counted.writes));
        let fault = counted.faults.draw(call, write)?;
        counted.happened.push((request.line.clone(), fault));
        Some(fault)
    }

    async fn send(&self, request: &Request) -> io::Result<UnixStream> {
        let mut engine = UnixStream::connect(&self.engine).await?;
        engine.write_all(&request.bytes).await?;
        Ok(engine)
    }

    /// The engine's whole answer.
    async fn ask(&self, request: &Request) -> io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        self.send(request).await?.read_to_end(&mut answer).await?;
        Ok(answer)
    }

    /// Hands the answer on as it comes, for as long as both sides want it: events and followed logs have no end.
    async fn pass(&self, request: &Request, client: UnixStream) -> io::Result<()> {
        let mut engine = self.send(request).await?;
        let (mut gone, mut answers) = client.into_split();
        let mut byte = [0];
        tokio::select! {
            done = copy(&mut engine, &mut answers) => done.map(drop),
            // Nothing more is sent on a call's connection: only its end can come.
            _ = gone.read(&mut byte) => Ok(()),
        }
    }
}

impl Request {
    /// Reads one; none if the client has closed the connection.
    async fn read(client: &mut UnixStream) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if bytes.len() > LARGEST_HEAD {
                return Err(too_large());
            }
            if client.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let whole = end + 4 + length.unwrap_or(0);
        if length.unwrap_or(0) > LARGEST_BODY {
            return Err(too_large());
        }
        while bytes.len() < whole {
            if client.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        }
        let line = head.lines().next().unwrap_or_default().to_owned();
        let writes = !line.starts_with("GET ") && !line.starts_with("HEAD ");
        bytes.splice(end..end, *b"\r\nConnection: close");
        Ok(Some(Self { bytes, line, writes }))
    }
}

async fn refuse(client: &mut UnixStream, words: &str) -> io::Result<()> {
    let body = serde_json::json!({ "message": words }).to_string();
    let head =
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\n";
    client.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a request that is too large")
}
