//! A stack of a test's own: a unique name, subnets and ports, its secrets, and what runs under its name.
//!
//! It is removed with its volumes when dropped, after which nothing of it is left on the engine.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::canary::Canary;
use crate::command::{self, Finished, Running, wait_for};
use crate::engine::{Engine, root};

const REMOVE_LIMIT: Duration = Duration::from_secs(90);
/// How long a deploy may take before the test gives up.
pub const DEPLOY_LIMIT: Duration = Duration::from_mins(3);

/// A stack that lives as long as this value.
#[derive(Debug)]
pub struct Stack<'engine> {
    /// Its engine.
    pub engine: &'engine Engine,
    /// Its name, unique on the engine.
    pub name: String,
    /// The environment in which its files are read.
    pub environment: BTreeMap<String, String>,
    folder: tempfile::TempDir,
}

impl<'engine> Stack<'engine> {
    /// A name and an environment; nothing is deployed.
    pub fn new(engine: &'engine Engine, hint: &str) -> Self {
        let number = unique();
        // Known to the whole test process, so that no output of Tidegate may hold it.
        let password = Canary::new(format!("canary-{number:06}-{:06}", std::process::id()));
        // 10.128.0.0/9 is outside the engine's own address pool.
        let (high, low) = (128 + (number / 128) % 128, (number % 128) * 2);
        let environment = BTreeMap::from([
            ("POSTGRES_PASSWORD".to_owned(), password.text().to_owned()),
            ("FRONT_SUBNET".to_owned(), format!("10.{high}.{low}.0/24")),
            ("BACK_SUBNET".to_owned(), format!("10.{high}.{}.0/24", low + 1)),
            ("API_PORT".to_owned(), (20000 + number % 20000).to_string()),
        ]);
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        Self { engine, name: format!("{hint}-{number}"), environment, folder }
    }

    /// Writes a stack file for this test only, and returns its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        // In one step: a command that was started before may be reading the file just now.
        let fresh = self.folder.path().join(format!("{name}.{}", unique()));
        let written = fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &path));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// A file of `examples/staging`.
    pub fn example(name: &str) -> PathBuf {
        root().join("examples/staging").join(name)
    }

    /// `docker stack deploy`, to be run or started; `release` is the value of RELEASE.
    pub fn stock_deploy(&self, release: &str, files: &[PathBuf], options: &[&str]) -> Command {
        let mut command = self.engine.docker_command();
        command.args(["stack", "deploy"]).args(options);
        self.finish_deploy(command, release, files)
    }

    /// `tidegate deploy`, likewise.
    pub fn tidegate_deploy(
        &self,
        binary: &Path,
        release: &str,
        files: &[PathBuf],
        options: &[&str],
    ) -> Command {
        let mut command = Command::new(binary);
        command.env("DOCKER_HOST", self.engine.host()).arg("deploy").args(options);
        self.finish_deploy(command, release, files)
    }

    /// Another command of `tidegate` on this stack (`status`, `rm`).
    #[track_caller]
    pub fn tidegate(&self, binary: &Path, arguments: &[&str]) -> Finished {
        let mut command = Command::new(binary);
        command
            .env("DOCKER_HOST", self.engine.host())
            .envs(&self.environment)
            .args(arguments)
            .arg(&self.name);
        command::run(&mut command, DEPLOY_LIMIT)
    }

    fn finish_deploy(&self, mut command: Command, release: &str, files: &[PathBuf]) -> Command {
        for file in files {
            command.arg("-c").arg(file);
        }
        command.arg(&self.name).envs(&self.environment).env("RELEASE", release);
        command
    }

    /// The image of each service, by the name in the stack file.
    #[track_caller]
    pub fn images(&self) -> BTreeMap<String, String> {
        let answer = self.list("service", "{{.Name}} {{.Image}}");
        let prefix = format!("{}_", self.name);
        let pair = |line: &str| {
            let (name, image) = line.split_once(' ')?;
            Some((name.strip_prefix(&prefix)?.to_owned(), image.to_owned()))
        };
        answer.lines().filter_map(pair).collect()
    }

    /// `docker TYPE ls` of what belongs to the stack, one line each.
    #[track_caller]
    pub fn list(&self, kind: &str, format: &str) -> String {
        let filter = format!("label=com.docker.stack.namespace={}", self.name);
        let mut arguments = vec![kind, "ls", "--filter", &filter, "--format", format];
        if kind == "container" {
            arguments.push("-a");
        }
        self.engine.docker(arguments).expect_success().stdout
    }

    /// The tasks of a service, newest first: `{{.Name}} {{.Image}} {{.CurrentState}} {{.Error}}`.
    #[track_caller]
    pub fn tasks(&self, service: &str) -> Vec<String> {
        let service = format!("{}_{service}", self.name);
        let format = "{{.Name}} {{.Image}} {{.CurrentState}} {{.Error}}";
        let listed = self.engine.docker(["service", "ps", "--no-trunc", "--format", format, &service]);
        listed.stdout.lines().map(str::to_owned).collect()
    }

    /// Notes every container of the stack that starts from now on. (The engine itself remembers the last 256 events
    /// only, and health checks are events.)
    #[track_caller]
    pub fn watch_starts(&self) -> Starts {
        let path = self.folder.path().join(format!("starts-{}", unique()));
        let file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let label = format!("label=com.docker.stack.namespace={}", self.name);
        let attributes = ".Actor.Attributes";
        let format = format!(
            "{{{{index {attributes} \"com.docker.swarm.service.name\"}}}} {{{{{attributes}.image}}}}"
        );
        let mut events = self.engine.docker_command();
        events.args(["events", "--filter", "type=container", "--filter", "event=start", "--filter", &label]);
        // From the beginning: the subscription itself takes a moment.
        events.args(["--since", "1h", "--format", &format]).stdout(file).stdin(Stdio::null());
        let client = events.spawn().unwrap_or_else(|error| panic!("docker does not start: {error}"));
        Starts { client, path, prefix: format!("{}_", self.name) }
    }

    /// The log lines of a service's tasks, all that are still there.
    #[track_caller]
    pub fn logs(&self, service: &str) -> String {
        self.engine.docker(["service", "logs", "--raw", &format!("{}_{service}", self.name)]).text()
    }

    /// The running container of a service; waits for one that is healthy, where it has a health check.
    #[track_caller]
    pub fn container(&self, service: &str) -> String {
        let filter = format!("label=com.docker.swarm.service.name={}_{service}", self.name);
        wait_for(&format!("a healthy container of {service}"), DEPLOY_LIMIT, || {
            let format = "{{.ID}} {{.Status}}";
            let listed = self.engine.docker(["ps", "--filter", &filter, "--format", format]).stdout;
            let line =
                listed.lines().find(|line| !line.contains("starting") && !line.contains("unhealthy"))?;
            line.split(' ').next().map(str::to_owned)
        })
    }

    /// Runs SQL as the example's user in its database; the rows, `|` between columns, or psql's error.
    #[track_caller]
    pub fn sql(&self, sql: &str) -> Finished {
        let container = self.container("postgres");
        let psql =
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "staging", "-d", "staging"];
        let command = ["exec", &container].into_iter().chain(psql).chain(["-c", sql]);
        self.engine.docker(command)
    }

    /// The rows of the version table, sorted; empty where there is no table.
    #[track_caller]
    pub fn rows(&self) -> Vec<String> {
        let answer = self.sql("SELECT version_num FROM alembic_version ORDER BY 1");
        answer.stdout.lines().map(str::to_owned).collect()
    }

    /// The address of the example's API, inside the engine's namespace.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.environment["API_PORT"])
    }

    /// Waits until the API says that it is this release.
    #[track_caller]
    pub fn wait_for_release(&self, release: &str) {
        let wanted = format!("\"release\":\"{release}\"");
        wait_for(&format!("the API of {release}"), DEPLOY_LIMIT, || {
            let (code, body) = self.engine.get(&self.url("/version"));
            (code == 200 && body.contains(&wanted)).then_some(())
        });
    }

    /// A steady load on the given paths of the API until [`Load::stop`].
    #[track_caller]
    pub fn load(&self, rate: u32, paths: &[&str]) -> Load {
        let mut command = self.engine.inside(root().join("scripts/load"));
        command.arg("--rate").arg(rate.to_string()).args(paths.iter().map(|path| self.url(path)));
        Load(Running::start(&mut command))
    }

    fn remove(&self) {
        self.engine.docker(["stack", "rm", &self.name]);
        wait_for(&format!("the removal of stack {}", self.name), REMOVE_LIMIT, || {
            let left = [self.list("container", "{{.ID}}"), self.list("network", "{{.ID}}")].concat();
            if !left.is_empty() {
                // A network that its last task still used is not removed with the stack.
                self.engine.docker(["stack", "rm", &self.name]);
            }
            left.is_empty().then_some(())
        });
        for volume in self.list("volume", "{{.Name}}").lines() {
            self.engine.docker(["volume", "rm", "--force", volume]);
        }
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        // An engine that ends with the test takes everything with it.
        if !self.engine.is_shared() {
            return;
        }
        if std::thread::panicking() {
            // A second panic would abort the test and hide the first, so nothing is waited for.
            let mut remove = self.engine.docker_command();
            let _ = remove.args(["stack", "rm", &self.name]).output();
            return;
        }
        self.remove();
    }
}

/// The containers of a stack that have started.
#[derive(Debug)]
pub struct Starts {
    client: Child,
    path: PathBuf,
    prefix: String,
}

impl Starts {
    /// Service (as in the stack file) and image of each, in order.
    #[track_caller]
    pub fn so_far(&self) -> Vec<(String, String)> {
        let text =
            fs::read_to_string(&self.path).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        let pair = |line: &str| {
            let (service, image) = line.split_once(' ')?;
            Some((service.strip_prefix(&self.prefix)?.to_owned(), image.to_owned()))
        };
        text.lines().filter_map(pair).collect()
    }
}

impl Drop for Starts {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// A load generator that runs.
#[derive(Debug)]
pub struct Load(Running);

/// What a load generator counted.
#[derive(Debug, serde::Deserialize)]
pub struct Counted {
    /// Requests sent.
    pub requests: u64,
    /// Those that were not answered with 200 within 10 s.
    pub failed: u64,
    /// Seconds of the longest unbroken row of failures.
    pub longest_outage: f64,
    /// The first ten failures.
    pub failures: Vec<serde_json::Value>,
}

impl Load {
    /// Stops sending and waits for the last answers.
    #[track_caller]
    pub fn stop(mut self) -> Counted {
        self.0.terminate();
        let ended = self.0.finish(Duration::from_secs(30)).expect_success();
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout))
    }
}

/// A number that no other test on this machine is likely to have now, and no other call in this process has.
fn unique() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Read once: with a later clock, one call could arrive at the number of another.
    static START: OnceLock<u32> = OnceLock::new();
    let start = *START.get_or_init(|| {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_micros());
        std::process::id().wrapping_mul(7919).wrapping_add(clock) % 1_000_000
    });
    // 104,729 has no factor in common with a million, so the numbers repeat only after as many calls.
    let step = u64::from(COUNT.fetch_add(1, Ordering::Relaxed)) * 104_729 % 1_000_000;
    (start + u32::try_from(step).unwrap_or_default()) % 1_000_000
}
