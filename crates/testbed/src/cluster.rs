//! A Swarm of several managers on this machine: engines in network namespaces of their own, joined by a bridge, each of which
//! can be killed, lost or cut off. `scripts/cluster` starts and stops them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::command::{self, wait_for};
use crate::engine::{Engine, Guard, OTHER_ENGINES, script, take_turn};

const START_LIMIT: Duration = Duration::from_mins(3);
const LIMIT: Duration = Duration::from_mins(1);

/// Managers of one Swarm; gone when dropped.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Engine>,
    folder: PathBuf,
    _owned: Guard,
    _turn: File,
}

impl Cluster {
    /// Starts `count` managers, after other tests with an engine are done with theirs. The first one leads.
    #[track_caller]
    pub fn start(count: usize) -> Self {
        let turn = take_turn(OTHER_ENGINES);
        let script = script("scripts/cluster");
        let owned = Guard::new(&script, "c");
        let folder = owned.path("c");
        let nodes = (1..=count).map(|number| Engine::node(folder.join(number.to_string()))).collect();
        let cluster = Self { nodes, folder, _owned: owned, _turn: turn };
        cluster.start_missing();
        cluster
    }

    /// Starts those managers that do not run.
    #[track_caller]
    pub fn start_missing(&self) {
        let mut up = Command::new(script("scripts/cluster"));
        up.arg("up").arg(&self.folder).arg(self.nodes.len().to_string());
        command::run(&mut up, START_LIMIT).expect_success();
    }

    /// A manager's engine, by its number from 1.
    pub fn node(&self, number: usize) -> &Engine {
        &self.nodes[number - 1]
    }

    /// The number of the manager that leads, as the manager `asked` sees it; `None` while there is none.
    pub fn leader(&self, asked: usize) -> Option<usize> {
        let nodes = self.node(asked).docker(["node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}"]);
        let leader = nodes.stdout.lines().find_map(|line| line.strip_suffix(" Leader"))?;
        leader.strip_prefix("node-")?.parse().ok()
    }

    /// Waits until the manager `asked` sees every manager ready and reachable.
    #[track_caller]
    pub fn wait_until_whole(&self, asked: usize) {
        wait_for("every manager to be ready and reachable", START_LIMIT, || {
            let format = "{{.Status}} {{.ManagerStatus}}";
            let nodes = self.node(asked).docker(["node", "ls", "--format", format]).stdout;
            let good =
                nodes.lines().filter(|line| matches!(*line, "Ready Leader" | "Ready Reachable")).count();
            (good == self.nodes.len()).then_some(())
        });
    }

    /// Kills the engine of a manager with SIGKILL. Its containers go on.
    #[track_caller]
    pub fn kill_engine(&self, number: usize) {
        let path = self.folder.join(number.to_string()).join("docker.pid");
        let pid = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        command::run(Command::new("kill").args(["-KILL", pid.trim()]), LIMIT).expect_success();
    }

    /// A power cut at a manager: its engine and its containers are gone at once.
    #[track_caller]
    pub fn lose(&self, number: usize) {
        // To find all its processes takes a moment; the others lose it at once.
        self.cut(number);
        let mut crash = Command::new(script("scripts/engine"));
        crash.arg("crash").arg(self.folder.join(number.to_string()));
        command::run(&mut crash, LIMIT).expect_success();
    }

    /// Takes a manager's network cable out: it runs on, and reaches nobody.
    #[track_caller]
    pub fn cut(&self, number: usize) {
        self.cable("cut", number);
    }

    /// Puts it in again.
    #[track_caller]
    pub fn mend(&self, number: usize) {
        self.cable("mend", number);
    }

    fn cable(&self, action: &str, number: usize) {
        let mut cable = Command::new(script("scripts/cluster"));
        cable.arg(action).arg(&self.folder).arg(number.to_string());
        command::run(&mut cable, LIMIT).expect_success();
    }
}
