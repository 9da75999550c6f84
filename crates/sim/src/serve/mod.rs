//! The simulated managers behind the Docker Engine's own HTTP API, on a unix socket: for the stock client, and for Tidegate as a
//! whole program. The calls that those two make are answered, as API 1.41 answers them. Events and followed logs are not
//! streamed: what there is so far is the answer.

mod http;
mod query;
mod routes;

use std::io;
use std::path::Path;

use tokio::net::{UnixListener, UnixStream};

use crate::Sim;

/// Answers requests on a unix socket for ever. A socket file that an earlier run has left there is replaced.
pub async fn serve(sim: &Sim, socket: &Path) -> io::Result<()> {
    let listener = listen(socket).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let caller = sim.another();
        tokio::spawn(async move {
            // A connection that breaks is its client's affair.
            let _ = converse(&caller, stream).await;
        });
    }
}

async fn listen(socket: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(socket) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            // Somebody who answers is still there, and keeps it.
            if UnixStream::connect(socket).await.is_ok() {
                return Err(error);
            }
            tokio::fs::remove_file(socket).await?;
            UnixListener::bind(socket)
        }
        other => other,
    }
}

async fn converse(sim: &Sim, stream: UnixStream) -> io::Result<()> {
    let mut connection = http::Connection::new(stream);
    while let Some(request) = connection.next().await? {
        let answer = routes::answer(sim, &request);
        connection.send(&request, &answer).await?;
    }
    Ok(())
}
