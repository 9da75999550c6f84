//! A stand-in for the first questions to an engine, where a real one would only be slower: it answers reads with nothing,
//! and ends the connection of whoever writes.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::Read;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};

/// A Docker engine's answers to the first questions, on a socket, and to nothing that writes: a write fails the test.
pub struct FakeManager {
    folder: tempfile::TempDir,
    requests: Arc<Mutex<Vec<String>>>,
}

impl FakeManager {
    /// A manager of a swarm of one node.
    pub fn start() -> Self {
        Self::with(
            r#"{"NodeID":"n","LocalNodeState":"active","ControlAvailable":true,"Managers":1,"Nodes":1}"#,
        )
    }

    /// An engine with this to say of its swarm.
    pub fn with(swarm: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = UnixListener::bind(folder.path().join("engine.sock")).expect("a socket");
        let info =
            format!(r#"{{"ServerVersion":"28.0.0","SystemTime":"2026-01-01T00:00:00Z","Swarm":{swarm}}}"#);
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&requests);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let Ok(mut connection) = connection else { return };
                let mut request = [0; 4096];
                let length = connection.read(&mut request).unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                assert!(request.starts_with("GET ") || request.starts_with("HEAD "), "a write: {request}");
                heard.lock().expect("no thread panicked").push(request.clone());
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                let body = if path.ends_with("/info") {
                    info.clone()
                } else if path.ends_with("/_ping") {
                    "OK".to_owned()
                } else {
                    "[]".to_owned()
                };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = std::io::Write::write_all(&mut connection, answer.as_bytes());
            }
        });
        Self { folder, requests }
    }

    /// The requests so far, with their headers.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no thread panicked").clone()
    }

    /// The value for `--host`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("engine.sock").display())
    }
}
