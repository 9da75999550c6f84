//! Throwaway PostgreSQL servers (and PgBouncers in front of them) for tests.
//!
//! Each server lives in a temporary folder, listens on a loopback port and a socket in that folder, and is
//! watched by a small shell whose standard input is a pipe from the test process: when that pipe closes,
//! because the handle was dropped, the test panicked or the process was killed, the shell stops the server by
//! its pid and removes the folder. Nothing here looks for, or touches, a server that it did not start.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::canary::Canary;

/// The superuser's name in every test server.
pub const SUPERUSER: &str = "postgres";
/// The superuser's password in every test server: a canary that must never be seen in any output.
pub const PASSWORD: &str = "canary/pa55:w@rd";
/// How long a server may take to start; it takes about a second.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Starts the server, tells its pid, waits for the end of its standard input, stops the server and clears up.
const WATCHER: &str = r#"
trap '' INT TERM HUP
folder=$1; signal=$2; shift 2
"$@" </dev/null >"$folder/log" 2>&1 &
pid=$!
echo "$pid"
exec >/dev/null 2>&1
cat >/dev/null
kill -"$signal" "$pid"
# A server whose sessions hang ends all the same.
( sleep 10; kill -QUIT "$pid"; sleep 10; kill -KILL "$pid" ) &
impatience=$!
wait "$pid"
kill -KILL "$impatience"
rm -rf "$folder"
"#;

/// A running server program and the shell that ends it with us.
#[derive(Debug)]
struct Watched {
    watcher: Child,
    pid: u32,
}

impl Watched {
    fn start(folder: &Path, signal: &str, command: &[String]) -> Self {
        let mut watcher = Command::new("/bin/sh")
            .args(["-c", WATCHER, "watcher"])
            .arg(folder)
            .arg(signal)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("/bin/sh does not start: {error}"));
        let mut line = String::new();
        if let Some(output) = watcher.stdout.take() {
            BufReader::new(output)
                .read_line(&mut line)
                .unwrap_or_else(|error| panic!("the watcher does not tell the server's pid: {error}"));
        }
        let pid = line.trim().parse().unwrap_or_else(|_| panic!("not a pid: {line:?}"));
        Self { watcher, pid }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// A private PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    databases: AtomicUsize,
    // Last, so that the folder is still there while the server stops.
    server: Watched,
}

impl Postgres {
    /// A server of the newest installed version with default settings (and no care for durability).
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with settings of `postgresql.conf` (`("max_connections", "10")`).
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let prepared = Prepared::new();
        prepared.run(settings)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the Unix socket.
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.server.pid
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// A new empty database with a name of its own.
    pub fn create_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.sql(SUPERUSER, &format!("CREATE DATABASE {name}"));
        name
    }

    /// A `SQLAlchemy` URL over TCP as the superuser, for the given database; the password is percent-encoded.
    pub fn url(&self, database: &str) -> String {
        self.url_as(SUPERUSER, PASSWORD, database)
    }

    /// The same, as another role.
    pub fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgresql+psycopg2://{user}:{}@127.0.0.1:{}/{database}", percent(password), self.port)
    }

    /// Runs SQL as the superuser through the socket and returns the rows, `|` between columns. Panics on errors.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql);
        assert!(
            output.status.success(),
            "psql failed in {database}:\n{sql}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The same without judging the outcome.
    pub fn psql(&self, database: &str, sql: &str) -> Output {
        self.psql_command(database)
            .args(["-c", sql])
            .output()
            .unwrap_or_else(|error| panic!("psql does not start: {error}"))
    }

    /// A `psql` that is connected to `database` as the superuser, for sessions that a test holds open.
    pub fn psql_command(&self, database: &str) -> Command {
        let mut command = Command::new("psql");
        command
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER, "-d", database])
            .env("PGHOST", &self.folder)
            .env("PGPORT", self.port.to_string())
            .env_remove("PGOPTIONS")
            .env_remove("PGAPPNAME")
            .stdin(Stdio::null());
        command
    }
}

/// An initialised data folder that no server runs on yet: a test starts one late to see how its absence is met.
#[derive(Debug)]
pub struct Prepared {
    folder: PathBuf,
    port: u16,
    bin: PathBuf,
}

impl Prepared {
    /// Initialises a data folder and chooses a port that is free now.
    pub fn new() -> Self {
        let bin = binaries();
        let folder = folder_for_server("postgres");
        let password = folder.join("password");
        fs::write(&password, PASSWORD).unwrap_or_else(|error| panic!("{}: {error}", password.display()));
        own(&password);
        let mut command = as_server_user(&bin.join("initdb"));
        command.extend(
            ["--no-sync", "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C"]
                .map(str::to_owned),
        );
        command.push(format!("--username={SUPERUSER}"));
        command.push(format!("--pwfile={}", password.display()));
        command.push(format!("--pgdata={}", folder.join("data").display()));
        let output = Command::new(&command[0])
            .args(&command[1..])
            .current_dir(&folder)
            .output()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", command[0]));
        assert!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        Self { folder, port: free_port(), bin }
    }

    /// The port on 127.0.0.1 where the server will listen.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Puts a file where the server, and nobody else, can read it, and gives its path.
    pub fn install(&self, name: &str, contents: &[u8]) -> String {
        let path = self.folder.join(name);
        fs::write(&path, contents)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        own(&path);
        path.display().to_string()
    }

    /// Starts the server and waits until it answers.
    pub fn run(self, settings: &[(&str, &str)]) -> Postgres {
        // Known to the whole test process, so that no output of Tidegate may hold it.
        Canary::new(PASSWORD);
        let Self { folder, port, bin } = self;
        let mut command = as_server_user(&bin.join("postgres"));
        command.push("-D".to_owned());
        command.push(folder.join("data").display().to_string());
        let mut all = BTreeMap::from([
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", folder.display().to_string()),
            ("port", port.to_string()),
            ("fsync", "off".to_owned()),
            ("full_page_writes", "off".to_owned()),
            ("shared_buffers", "32MB".to_owned()),
        ]);
        all.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        for (name, value) in all {
            command.push("-c".to_owned());
            command.push(format!("{name}={value}"));
        }
        let server = Watched::start(&folder, "INT", &command);
        let postgres = Postgres { folder, port, databases: AtomicUsize::new(0), server };
        let started = Instant::now();
        while !postgres.psql(SUPERUSER, "SELECT 1").status.success() {
            assert!(started.elapsed() < START_LIMIT, "PostgreSQL did not start:\n{}", postgres.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        postgres
    }
}

impl Default for Prepared {
    fn default() -> Self {
        Self::new()
    }
}

/// A `PgBouncer` in front of a server.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    _server: Watched,
}

impl PgBouncer {
    /// Starts one in the given pool mode (`transaction`, `session`); every database is passed through, and clients may
    /// send `options`.
    pub fn start(postgres: &Postgres, pool_mode: &str) -> Self {
        Self::start_with(postgres, pool_mode, "ignore_startup_parameters = extra_float_digits,options")
    }

    /// The same with a line of configuration of one's own instead.
    pub fn start_with(postgres: &Postgres, pool_mode: &str, line: &str) -> Self {
        let program = Path::new("/usr/sbin/pgbouncer");
        assert!(program.exists(), "PgBouncer is missing: run ./test, which installs it (package pgbouncer)");
        let folder = folder_for_server("pgbouncer");
        let port = free_port();
        let users = folder.join("users.txt");
        let config = folder.join("pgbouncer.ini");
        let write = |path: &Path, text: String| {
            fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            own(path);
        };
        write(&users, format!("\"{SUPERUSER}\" \"{PASSWORD}\"\n"));
        write(
            &config,
            format!(
                "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\n\
                 pool_mode = {pool_mode}\n{line}\n",
                postgres.port(),
                users.display()
            ),
        );
        let mut command = as_server_user(program);
        command.push(config.display().to_string());
        let server = Watched::start(&folder, "TERM", &command);
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(started.elapsed() < START_LIMIT, "PgBouncer did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { port, _server: server }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// The folder of the newest server programs, with PostGIS beside them.
fn binaries() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("postgres").exists() && bin.join("initdb").exists())
        .collect();
    found.sort();
    let Some((version, bin)) = found.pop() else {
        panic!("PostgreSQL is missing: run ./test, which installs it (package postgresql-15-postgis-3)");
    };
    let control = format!("/usr/share/postgresql/{version}/extension/postgis.control");
    assert!(
        Path::new(&control).exists(),
        "PostGIS for PostgreSQL {version} is missing: run ./test, which installs it \
         (package postgresql-{version}-postgis-3)"
    );
    bin
}

/// The command line that runs a program as a user without rights: PostgreSQL refuses to run as root.
fn as_server_user(program: &Path) -> Vec<String> {
    let program = program.display().to_string();
    match server_user() {
        None => vec![program],
        Some((uid, gid)) => {
            vec![
                "setpriv".to_owned(),
                format!("--reuid={uid}"),
                format!("--regid={gid}"),
                "--clear-groups".to_owned(),
                program,
            ]
        }
    }
}

/// The user and group to run servers as, when we are root.
fn server_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    let user = ["postgres", "nobody"].into_iter().find(|user| id(&["-u", user]).is_some())?;
    Some((id(&["-u", user])?, id(&["-g", user])?))
}

/// A new folder that belongs to the user of [`as_server_user`]; the watcher removes it.
fn folder_for_server(what: &str) -> PathBuf {
    let folder = tempfile::Builder::new()
        .prefix(&format!("tidegate-{what}-"))
        .tempdir()
        .unwrap_or_else(|error| panic!("no temporary folder: {error}"))
        .keep();
    let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o755));
    own(&folder);
    folder
}

fn own(path: &Path) {
    if let Some((uid, gid)) = server_user() {
        chown(path, Some(uid), Some(gid)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// A port on 127.0.0.1 that nobody listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .unwrap_or_else(|error| panic!("no free port on 127.0.0.1: {error}"))
        .port()
}

/// Percent-encodes everything that is not a letter, a digit or one of `-._~` (RFC 3986, unreserved).
pub fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

/// Everything that a child still says on a pipe, as text.
pub fn drain(pipe: Option<impl Read>) -> String {
    let mut text = String::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_string(&mut text);
    }
    text
}
