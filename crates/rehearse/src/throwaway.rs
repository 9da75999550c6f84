//! A PostgreSQL server that lives in a sandbox and ends with it. Its network address is that of the database's hosts, so what
//! connects needs no other settings than live.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use database::settings::Settings;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::sandbox::Sandbox;

/// The server's superuser: not a name that a project has a role of.
const SUPERUSER: &str = "tidegate_rehearsal";
/// How long initdb, the start, and each command about roles may take.
const LIMIT: Duration = Duration::from_mins(1);

/// A server with a database.
pub(crate) struct Throwaway {
    sandbox: Sandbox,
    programs: PathBuf,
    port: u16,
    database: String,
    _server: Child,
}

impl Throwaway {
    /// Starts a server, and makes the role and the database that the settings name.
    pub(crate) async fn start(
        sandbox: Sandbox,
        programs: &Path,
        settings: &Settings,
    ) -> Result<Self, String> {
        let data = sandbox.folder().join("data");
        let mut initdb = sandbox.unprivileged(programs.join("initdb"));
        initdb.arg("--pgdata").arg(&data);
        initdb.args([
            "--username",
            SUPERUSER,
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]);
        run(initdb, "initdb", None).await?;
        let port = settings.hosts.first().map_or(5432, |host| host.port);
        let mut server = sandbox.unprivileged(programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(sandbox.folder()).args(["-p", &port.to_string()]);
        for setting in
            ["listen_addresses=127.0.0.1", "fsync=off", "full_page_writes=off", "logging_collector=off"]
        {
            server.args(["-c", setting]);
        }
        server.stdout(Stdio::null()).stderr(Stdio::null());
        let server = server.spawn().map_err(|error| format!("nsenter (util-linux): {error}"))?;
        let throwaway = Self {
            sandbox,
            programs: programs.to_owned(),
            port,
            database: settings.database.clone(),
            _server: server,
        };
        throwaway.ready().await?;
        Ok(throwaway)
    }

    async fn ready(&self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            match self.connect("postgres").await {
                Ok(_) => return Ok(()),
                Err(error) if begun.elapsed() > LIMIT => {
                    return Err(format!("the throwaway PostgreSQL does not answer after {LIMIT:?}: {error}"));
                }
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Makes a role, unless it is there, and a database of its own. A role that nothing is known of is a superuser, as the
    /// one is that the official image makes.
    pub(crate) async fn make(&self, role: &str) -> Result<(), String> {
        let (client, _connection) = self.connect("postgres").await?;
        let failed = |error: tokio_postgres::Error| format!("the throwaway PostgreSQL refused: {error}");
        let there =
            client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&role]).await.map_err(failed)?;
        if there.is_empty() {
            let role = quoted(role);
            client.batch_execute(&format!("CREATE ROLE {role} LOGIN SUPERUSER")).await.map_err(failed)?;
        }
        let (database, role) = (quoted(&self.database), quoted(role));
        if self.database != "postgres" {
            client
                .batch_execute(&format!("CREATE DATABASE {database} OWNER {role}"))
                .await
                .map_err(failed)?;
        }
        Ok(())
    }

    /// Runs SQL in the form of a dump. What the server refuses is returned in its words, and the rest goes on.
    pub(crate) async fn load(&self, database: Option<&str>, sql: &str) -> Result<Vec<String>, String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-X",
            "-q",
            "-U",
            SUPERUSER,
            "-d",
            database.unwrap_or(&self.database),
            "-p",
            &self.port.to_string(),
        ]);
        psql.arg("-h").arg(self.sandbox.folder()).env_remove("PGOPTIONS").env_remove("PGSERVICE");
        let errors = run(psql, "psql", Some(sql)).await?;
        let refused = errors.lines().filter_map(|line| line.split_once("ERROR:  "));
        Ok(refused.map(|(_, words)| words.to_owned()).collect())
    }

    /// A connection as the superuser from outside the sandbox, over the socket.
    pub(crate) async fn connect(
        &self,
        database: &str,
    ) -> Result<(tokio_postgres::Client, tokio::task::JoinHandle<()>), String> {
        let mut config = tokio_postgres::Config::new();
        config.host_path(self.sandbox.folder()).port(self.port).user(SUPERUSER).dbname(database);
        config.connect_timeout(Duration::from_secs(5));
        let (client, connection) =
            config.connect(tokio_postgres::NoTls).await.map_err(|error| error.to_string())?;
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok((client, driver))
    }

    /// The database's name.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// The sandbox that it is in.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }
}

/// Runs a program to its end; what it wrote to standard error.
pub(crate) async fn run(mut command: Command, what: &str, input: Option<&str>) -> Result<String, String> {
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("{what} does not start: {error}"))?;
    let feed = child.stdin.take().zip(input.map(str::to_owned));
    let feeding = tokio::spawn(async move {
        if let Some((mut pipe, text)) = feed {
            // A program that ends early says why itself.
            let _ = pipe.write_all(text.as_bytes()).await;
        }
    });
    let ended = timeout(LIMIT, child.wait_with_output()).await;
    feeding.abort();
    let output = match ended {
        Ok(output) => output.map_err(|error| format!("{what} was lost: {error}"))?,
        Err(_) => return Err(format!("{what} did not end within {LIMIT:?}")),
    };
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Ok(errors);
    }
    let last = errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("without a word");
    Err(format!("{what} failed: {}", last.trim()))
}

/// An identifier for SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
