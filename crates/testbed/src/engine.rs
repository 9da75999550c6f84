//! A Docker engine of the tests' own, with a Swarm of one node and the images of the staging example.
//!
//! `scripts/engine` starts and stops it. `./test` starts one for all tests and names its folder in
//! `TIDEGATE_TEST_ENGINE`; without that, each [`Engine`] is a new one that ends with the test. So is every engine of a newer
//! version than the machine's ([`Engine::start_version`]) and every node of a [`crate::cluster::Cluster`].

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::command::{self, Finished};

/// The turn of tests on the engine that all share: one after the other.
const THE_ENGINE: &str = "engine.lock";
/// The turn of tests that start engines of other versions, or several: one of them beside one of those.
pub(crate) const OTHER_ENGINES: &str = "other-engines.lock";

/// The environment variable that names the folder of a running engine.
pub const SHARED: &str = "TIDEGATE_TEST_ENGINE";

const START_LIMIT: Duration = Duration::from_secs(145);
/// A newer engine's package lists and package come through the network.
const FETCH_LIMIT: Duration = Duration::from_mins(13);
/// The exit code of `scripts/newer-engine` where an engine cannot be had.
const NOT_TO_BE_HAD: i32 = 3;
const BUILD_LIMIT: Duration = Duration::from_mins(15);
const DOCKER_LIMIT: Duration = Duration::from_mins(1);

/// A Docker engine, in a network namespace of its own.
#[derive(Debug)]
pub struct Engine {
    folder: PathBuf,
    is_shared: bool,
    _owned: Option<Guard>,
    /// Two stacks at once are more than a small machine carries in time: tests with an engine take turns.
    _turn: Option<File>,
}

/// Stops what a script started in a temporary folder when the test ends, however it ends: the watcher's stdin closes with
/// this process.
#[derive(Debug)]
pub(crate) struct Guard {
    watcher: Child,
    folder: tempfile::TempDir,
}

impl Guard {
    /// A temporary folder for the `name` that `script` will make in it, and will take down.
    #[track_caller]
    pub(crate) fn new(script: &Path, name: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tidegate-")
            .tempdir()
            .unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let watcher = Command::new("sh")
            .args(["-c", "read _; exec \"$0\" down \"$1\" 2>/dev/null"])
            .args([script, &folder.path().join(name)])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("sh does not start: {error}"));
        Self { watcher, folder }
    }

    /// A path in the temporary folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

impl Engine {
    /// The shared engine, or a new one. Waits for other tests to be done with theirs.
    #[track_caller]
    pub fn start() -> Self {
        let turn = take_turn(THE_ENGINE);
        let Some(folder) = env::var_os(SHARED).map(PathBuf::from) else { return Self::launch(turn, None) };
        let engine = Self { folder, is_shared: true, _owned: None, _turn: Some(turn) };
        engine.docker(["info"]).expect_success();
        engine
    }

    /// A new engine of this version (26.1, 28.5; see `scripts/newer-engine`). `None`, and a line that says why, where it
    /// cannot be had.
    #[track_caller]
    pub fn start_version(version: &str) -> Option<Self> {
        fetch(version).then(|| Self::launch(take_turn(OTHER_ENGINES), Some(version)))
    }

    /// A new engine of the machine's own version, whose data a newer one can take over. `None`, and a line that says why, where
    /// that cannot be had.
    #[track_caller]
    pub fn start_before(version: &str) -> Option<Self> {
        fetch(version).then(|| Self::launch(take_turn(OTHER_ENGINES), None))
    }

    /// Ends the engine with its containers, and starts an engine of this version in its place.
    #[track_caller]
    pub fn upgrade(&self, version: &str) {
        let script = script("scripts/engine");
        command::run(Command::new(&script).arg("crash").arg(&self.folder), START_LIMIT).expect_success();
        up(&script, &self.folder, Some(version));
    }

    #[track_caller]
    fn launch(turn: File, version: Option<&str>) -> Self {
        let script = script("scripts/engine");
        let owned = Guard::new(&script, "engine");
        let folder = owned.path("engine");
        up(&script, &folder, version);
        Self { folder, is_shared: false, _owned: Some(owned), _turn: Some(turn) }
    }

    /// The engine in a folder that somebody else starts and stops.
    pub(crate) fn node(folder: PathBuf) -> Self {
        Self { folder, is_shared: false, _owned: None, _turn: None }
    }

    /// The version that it says it has, such as `20.10.24+dfsg1`.
    #[track_caller]
    pub fn version(&self) -> String {
        let version = self.docker(["version", "--format", "{{.Server.Version}}"]).expect_success();
        version.stdout.trim().to_owned()
    }

    /// Whether other tests use this engine too, so that nothing may be left on it.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The value for `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.join("docker.sock").display())
    }

    /// Builds the images of `examples/staging`, with the given `tidegate` or without one; quick when they are
    /// there.
    #[track_caller]
    pub fn build_images(&self, tidegate: Option<&Path>) {
        self.build_releases(tidegate, &[]);
    }

    /// Likewise, with the app's images of these releases only (none named: of all).
    #[track_caller]
    pub fn build_releases(&self, tidegate: Option<&Path>, releases: &[&str]) {
        let mut build = Command::new(script("examples/staging/build-images"));
        build.arg("--tidegate").arg(tidegate.unwrap_or(Path::new("none"))).env("DOCKER_HOST", self.host());
        build.args(releases.iter().flat_map(|release| ["--only", release]));
        command::run(&mut build, BUILD_LIMIT).expect_success();
    }

    /// An image of a few megabytes that has `sleep` and nothing else, under the given names.
    #[track_caller]
    pub fn build_sleeper(&self, names: &[&str]) {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let archive = folder.path().join("sleeper.tar");
        // The program and the libraries that it says it needs.
        let pack = "set -e; libraries=$(ldd /bin/sleep | grep -o '/[^ ]*'); \
                    tar -chf \"$1\" /bin/sleep $libraries 2>/dev/null";
        let mut tar = Command::new("sh");
        tar.args(["-c", pack, "sh"]).arg(&archive);
        command::run(&mut tar, DOCKER_LIMIT).expect_success();
        let change = "CMD [\"/bin/sleep\", \"100000\"]";
        for name in names {
            // A label that differs gives each name an image of its own.
            let label = format!("LABEL name={name}");
            let archive = archive.display().to_string();
            self.docker(["import", "-c", change, "-c", &label, &archive, name]).expect_success();
        }
    }

    /// Runs the stock client against this engine.
    #[track_caller]
    pub fn docker<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, arguments: I) -> Finished {
        command::run(self.docker_command().args(arguments), DOCKER_LIMIT)
    }

    /// The stock client with `DOCKER_HOST` set, and no other settings of the machine.
    pub fn docker_command(&self) -> Command {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", self.host()).env("DOCKER_CLI_HINTS", "false").env_remove("DOCKER_CONTEXT");
        command
    }

    /// A command in the engine's network namespace, where its published ports and its registry are.
    pub fn inside(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(script("scripts/engine"));
        command.arg("exec").arg(&self.folder).arg(program);
        command
    }

    /// GET of a URL inside the namespace: the status code (0 where nothing answered) and the body.
    #[track_caller]
    pub fn get(&self, url: &str) -> (u16, String) {
        let mut curl = self.inside("curl");
        curl.args(["-s", "-m", "5", "-w", "\n%{http_code}", url]);
        let answer = command::run(&mut curl, DOCKER_LIMIT).stdout;
        let (body, code) = answer.rsplit_once('\n').unwrap_or(("", "0"));
        (code.parse().unwrap_or(0), body.to_owned())
    }
}

#[track_caller]
fn up(script: &Path, folder: &Path, version: Option<&str>) {
    let mut up = Command::new(script);
    up.arg("up").arg(folder).env("ENGINE_VERSION", version.unwrap_or_default());
    command::run(&mut up, START_LIMIT).expect_success();
}

/// Gets a newer engine; `false`, and a line that says why, where it cannot be had.
#[track_caller]
fn fetch(version: &str) -> bool {
    let fetched = command::run(Command::new(script("scripts/newer-engine")).arg(version), FETCH_LIMIT);
    if fetched.code == Some(NOT_TO_BE_HAD) {
        eprintln!("skipped: {}", fetched.stderr.trim());
        return false;
    }
    fetched.expect_success();
    true
}

/// A script of the repository, by its path from the root.
pub(crate) fn script(path: &str) -> PathBuf {
    root().join(path)
}

/// The repository's root.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", root.display()))
}

/// Waits until no other test has this turn, and keeps it while the file is open.
pub(crate) fn take_turn(turn: &str) -> File {
    let build = root().join("build");
    fs::create_dir_all(&build).unwrap_or_else(|error| panic!("{}: {error}", build.display()));
    let path = build.join(turn);
    let file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.lock().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file
}
