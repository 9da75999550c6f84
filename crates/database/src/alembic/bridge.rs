//! The way back from the project's Python: a socket in a private folder, and the messages on it.
//!
//! Python loads `sitecustomize` from PYTHONPATH by itself, whatever command starts it, so nothing of the project
//! changes. A Python that ignores PYTHONPATH (`-I`, `-E`) tells nothing here; the run then goes by Alembic's own log
//! lines and, as always, by the rows.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const SCRIPT: &str = include_str!("bridge.py");
/// Where a folder may be made when the usual place for temporary files is read-only, as in hardened containers.
const FALLBACKS: [&str; 3] = ["/tmp", "/dev/shm", "/run"];

/// What the project's Python tells.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Message {
    /// `context.configure` has run.
    Configured {
        /// The version table.
        table: Option<String>,
        /// Its schema.
        schema: Option<String>,
        /// Whether Alembic found a transaction that it did not begin, and so will not commit.
        external: bool,
    },
    /// A revision begins.
    Start {
        /// Its id.
        revision: String,
    },
    /// A revision's statements have run.
    End {
        /// Its id.
        revision: String,
        /// How long it took.
        seconds: f64,
    },
    /// A revision entered an `autocommit_block`: what it does from here on is not rolled back.
    Autocommit {
        /// Its id.
        revision: Option<String>,
    },
    /// What a revision file declares, once Python has imported it.
    Script {
        /// The file.
        path: PathBuf,
        /// `revision`.
        revision: String,
        /// `down_revision`.
        down_revision: Vec<String>,
        /// `depends_on`.
        depends_on: Vec<String>,
        /// `branch_labels`.
        branch_labels: Vec<String>,
    },
    /// The run fails.
    Error {
        /// Where.
        revision: Option<String>,
        /// The exception's class.
        #[serde(rename = "type")]
        class: String,
        /// Its text.
        text: String,
        /// PostgreSQL's code.
        sqlstate: Option<String>,
        /// The statement.
        statement: Option<String>,
    },
}

/// The folder, the socket and the listener. While it exists, the project's Python may live.
#[derive(Debug)]
pub(crate) struct Bridge {
    folder: TempDir,
    listener: JoinHandle<()>,
}

impl Bridge {
    /// Listens, and passes on what is told.
    pub(crate) fn open(messages: mpsc::UnboundedSender<Message>) -> io::Result<Self> {
        let folder = folder()?;
        fs::write(folder.path().join("sitecustomize.py"), SCRIPT)?;
        let listener = UnixListener::bind(folder.path().join("socket"))?;
        let listener = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let messages = messages.clone();
                tokio::spawn(async move {
                    let (reader, writer) = stream.into_split();
                    let mut lines = BufReader::new(reader).lines();
                    while let Ok(Some(line)) = lines.next_line().await {
                        if let Ok(message) = serde_json::from_str(&line)
                            && messages.send(message).is_err()
                        {
                            break;
                        }
                    }
                    drop(writer);
                });
            }
        });
        Ok(Self { folder, listener })
    }

    /// The environment variable that names the socket, and its value.
    pub(crate) fn address(&self) -> (&'static str, PathBuf) {
        ("TIDEGATE_BRIDGE", self.folder.path().join("socket"))
    }

    /// PYTHONPATH with the bridge in front of what was there.
    pub(crate) fn python_path(&self, existing: Option<&str>) -> String {
        let own = self.folder.path().display().to_string();
        existing.map_or_else(|| own.clone(), |existing| format!("{own}:{existing}"))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("tidegate-");
    builder.tempdir().or_else(|error| {
        FALLBACKS.into_iter().find_map(|place| builder.tempdir_in(Path::new(place)).ok()).ok_or(error)
    })
}
