//! Just enough of HTTP/1.1 for the engine's clients: requests with a length or in chunks, answers with a length.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// The longest line of a head, and the longest body, that are accepted.
const LONGEST_LINE: u64 = 64 << 10;
const LONGEST_BODY: usize = 16 << 20;

/// A request.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query as they were sent.
    pub(super) target: String,
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) body: Vec<u8>,
}

/// A client's connection.
pub(super) struct Connection {
    stream: BufReader<UnixStream>,
}

impl Connection {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// The next request; none if the client has closed the connection.
    pub(super) async fn next(&mut self) -> io::Result<Option<Request>> {
        let Some(line) = self.line().await? else { return Ok(None) };
        let mut words = line.split(' ');
        let mut request = Request {
            method: words.next().unwrap_or_default().to_owned(),
            target: words.next().unwrap_or_default().to_owned(),
            body: Vec::new(),
        };
        let (mut length, mut chunked) = (0, false);
        while let Some(line) = self.line().await?.filter(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(':') else { return Err(senseless("a header")) };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(|_| senseless("a length"))?,
                "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
        if chunked {
            self.chunks(&mut request.body).await?;
        } else {
            self.bytes(length, &mut request.body).await?;
        }
        Ok(Some(request))
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.line().await?.ok_or_else(|| senseless("an end"))?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| senseless("a chunk"))?;
            self.bytes(size, body).await?;
            self.line().await?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    async fn bytes(&mut self, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
        let begin = body.len();
        if begin.saturating_add(length) > LONGEST_BODY {
            return Err(senseless("so long a body"));
        }
        body.resize(begin + length, 0);
        self.stream.read_exact(&mut body[begin..]).await?;
        Ok(())
    }

    /// A line of a head, without its end; none at the end of the stream.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        (&mut self.stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') {
            return Err(senseless("a line"));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map(Some).map_err(|_| senseless("a line"))
    }

    pub(super) async fn send(&mut self, request: &Request, answer: &Answer) -> io::Result<()> {
        let length = if answer.status == 204 {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", answer.body.len())
        };
        let head = format!(
            "HTTP/1.1 {} {}\r\nApi-Version: 1.41\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: Docker/20.10.24 (simulated)\r\nContent-Type: {}\r\n{length}\r\n",
            answer.status,
            phrase(answer.status),
            answer.kind,
        );
        self.stream.write_all(head.as_bytes()).await?;
        if request.method != "HEAD" {
            self.stream.write_all(&answer.body).await?;
        }
        self.stream.flush().await
    }
}

fn senseless(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} that makes no sense"))
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        501 => "Not Implemented",
        _ => "Internal Server Error",
    }
}
