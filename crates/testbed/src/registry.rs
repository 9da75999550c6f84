//! A registry on the engine's loopback, behind a proxy that can hold every request back for a while.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::command::{self, wait_for};
use crate::engine::Engine;

const REGISTRY_PORT: u16 = 5000;
const SLOW_PORT: u16 = 5001;
const START_LIMIT: Duration = Duration::from_secs(15);

/// A running registry and its proxy; both end with this value.
#[derive(Debug)]
pub struct Registry<'engine> {
    engine: &'engine Engine,
    server: Child,
    proxy: Child,
    folder: tempfile::TempDir,
}

impl<'engine> Registry<'engine> {
    /// Starts both in the engine's network namespace, without a delay.
    #[track_caller]
    pub fn start(engine: &'engine Engine) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let config = folder.path().join("registry.yml");
        let storage = folder.path().join("storage");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: 127.0.0.1:{REGISTRY_PORT}, secret: test}}\n",
            storage.display()
        );
        fs::write(&config, text).unwrap_or_else(|error| panic!("{}: {error}", config.display()));
        let server = spawn(engine.inside("docker-registry").arg("serve").arg(&config));
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("support/slow_proxy.py");
        let proxy = spawn(
            engine
                .inside("python3")
                .arg(program)
                .args([SLOW_PORT.to_string(), REGISTRY_PORT.to_string()])
                .arg(folder.path().join("delay")),
        );
        let started = Self { engine, server, proxy, folder };
        started.set_delay(Duration::ZERO);
        wait_for("the registry's answer through its proxy", START_LIMIT, || {
            let (code, _) = engine.get(&format!("http://127.0.0.1:{SLOW_PORT}/v2/"));
            (code == 200).then_some(())
        });
        started
    }

    /// The prefix of an image's name that is pulled through the proxy, with a slash at the end.
    pub fn prefix() -> String {
        format!("127.0.0.1:{SLOW_PORT}/")
    }

    /// Pushes a local image; it can then be used as `prefix() + name`.
    #[track_caller]
    pub fn push(&self, name: &str) {
        let target = format!("{}{name}", Self::prefix());
        self.engine.docker(["tag", name, &target]).expect_success();
        command::run(self.engine.docker_command().args(["push", "--quiet", &target]), Duration::from_mins(2))
            .expect_success();
    }

    /// From now on each request is held back for this long.
    pub fn set_delay(&self, delay: Duration) {
        let path = self.folder.path().join("delay");
        fs::write(&path, delay.as_secs_f64().to_string())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

impl Drop for Registry<'_> {
    fn drop(&mut self) {
        for child in [&mut self.proxy, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[track_caller]
fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}
