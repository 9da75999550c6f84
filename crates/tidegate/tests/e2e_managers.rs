//! Three managers, and what happens to them in the middle of a rollout: the leader dies, a node is lost, a deployer is cut off.
//! The deploy, or the same command again, ends wholly at one release.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testbed::cluster::Cluster;
use testbed::command::{self, Finished, Running, wait_for};
use testbed::engine::Engine;
use testbed::stack::Stack;

/// An election takes up to 20 s, a node's loss is noticed after 16 s, and the machine may be busy.
const LIMIT: Duration = Duration::from_mins(4);
const SERVICES: [&str; 3] = ["one", "two", "three"];
/// Exit code: the rollout failed and every service was put back as it was.
const ROLLED_BACK: i32 = 7;
/// Exit code: another deploy holds the lease, or this one lost it.
const LEASE: i32 = 9;
/// A service in the middle of the rollout: one is behind it and one before it.
const MIDDLE: &str = r#""service":"two","state":"converging""#;

/// Services that are updated one after another, and in each one task after another.
fn stack_file(stack: &Stack) -> PathBuf {
    let service = |name: &str, after: &str| {
        format!(
            "  {name}: {{image: 'sleeper:${{RELEASE}}', stop_grace_period: 0s, {after} \
             deploy: {{replicas: 3, update_config: {{parallelism: 1, order: start-first, monitor: 1s}}}}}}\n"
        )
    };
    let services = [
        service("one", ""),
        service("two", "depends_on: {one: {condition: service_started}},"),
        service("three", "depends_on: {two: {condition: service_started}},"),
    ];
    let network = format!(
        "networks: {{default: {{ipam: {{config: [{{subnet: '{}'}}]}}}}}}",
        stack.environment["FRONT_SUBNET"]
    );
    stack.file("stack.yml", &format!("version: '3.8'\nservices:\n{}{network}\n", services.concat()))
}

/// The cluster with release 1 of a stack.
struct Scene<'a> {
    cluster: &'a Cluster,
    stack: Stack<'a>,
    file: PathBuf,
}

impl<'a> Scene<'a> {
    #[track_caller]
    fn set(cluster: &'a Cluster) -> Self {
        for number in 1..=3 {
            cluster.node(number).build_sleeper(&["sleeper:1", "sleeper:2", "sleeper:3"]);
        }
        let stack = Stack::new(cluster.node(1), "managers");
        let file = stack_file(&stack);
        let scene = Self { cluster, stack, file };
        scene.deploy(1, "1").finish(LIMIT).expect_success();
        scene
    }

    /// Starts the deploy of a release, with the words of a manager.
    fn deploy(&self, manager: usize, release: &str) -> Running {
        Running::start(&mut self.command(manager, release))
    }

    /// The same as from another machine: without knowing which processes run on this one.
    fn deploy_from_elsewhere(&self, manager: usize, release: &str) -> Running {
        let here = self.command(manager, release);
        let mut there = Command::new("unshare");
        there
            .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
            .arg(here.get_program())
            .args(here.get_args());
        there.envs(here.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Running::start(&mut there)
    }

    fn command(&self, manager: usize, release: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_tidegate"));
        let options = ["--resolve-image", "never", "--output", "json"];
        let mut command =
            self.stack.tidegate_deploy(binary, release, std::slice::from_ref(&self.file), &options);
        command.env("DOCKER_HOST", self.cluster.node(manager).host());
        command
    }

    /// The same, until it is in the middle of its rollout.
    #[track_caller]
    fn deploy_to_the_middle(&self, manager: usize, release: &str) -> Running {
        let mut deploy = self.deploy(manager, release);
        wait_for("the middle of the rollout", LIMIT, || {
            let there = deploy.so_far().contains(MIDDLE);
            assert!(there || !deploy.has_ended(), "it ended before its middle: {}", deploy.so_far());
            there.then_some(())
        });
        deploy
    }

    /// Panics unless every service is at this release, in its spec and in every task that runs, and all tasks run.
    #[track_caller]
    fn assert_wholly_at(&self, manager: usize, release: &str, because: &Finished) {
        let engine = self.cluster.node(manager);
        for service in SERVICES {
            let name = format!("{}_{service}", self.stack.name);
            let format = "{{.Spec.TaskTemplate.ContainerSpec.Image}}";
            let spec = engine.docker(["service", "inspect", "--format", format, &name]).expect_success();
            assert_eq!(spec.stdout.trim(), format!("sleeper:{release}"), "{service}: {}", because.text());
            // What was told to stop may take a moment to go.
            wait_for(&format!("{service} to run release {release} only: {}", because.text()), LIMIT, || {
                (running(engine, &name) == vec![format!("sleeper:{release}"); 3]).then_some(())
            });
        }
    }

    /// Panics unless the deploy ended wholly at its release; or wholly at the one before, because Swarm's update waited for a
    /// task on a lost node; or it stopped because an election took longer than its lease may go without a renewal. After these
    /// two the same command ends at its release.
    #[track_caller]
    fn assert_ends_wholly(&self, mut ended: Finished, manager: usize, release: &str) {
        if ended.code == Some(ROLLED_BACK) {
            assert!(ended.stdout.contains("was lost while a new task came up there"), "{}", ended.text());
            self.assert_wholly_at(manager, "1", &ended);
            ended = self.deploy(manager, release).finish(LIMIT);
        }
        if ended.code == Some(LEASE) {
            assert!(ended.stdout.contains("could not be renewed"), "{}", ended.text());
            ended = self.deploy(manager, release).finish(LIMIT);
        }
        let ended = ended.expect_success();
        self.assert_wholly_at(manager, release, &ended);
        self.status(manager).expect_success();
    }

    /// What `tidegate status` says.
    #[track_caller]
    fn status(&self, manager: usize) -> Finished {
        let mut status = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        status.args(["status", &self.stack.name]).env("DOCKER_HOST", self.cluster.node(manager).host());
        command::run(&mut status, LIMIT)
    }
}

/// The images of the tasks of a service that run and are to run.
#[track_caller]
fn running(engine: &Engine, service: &str) -> Vec<String> {
    let format = "{{.CurrentState}} {{.Image}}";
    let wanted = ["service", "ps", "--filter", "desired-state=running", "--format", format, service];
    let image = |line: &str| {
        let (state, image) = line.rsplit_once(' ')?;
        state.starts_with("Running ").then(|| image.to_owned())
    };
    engine.docker(wanted).stdout.lines().filter_map(image).collect()
}

#[test]
fn the_leader_dies_while_tidegate_talks_to_another_manager() {
    let cluster = Cluster::start(3);
    let scene = Scene::set(&cluster);
    assert_eq!(cluster.leader(2), Some(1));

    let deploy = scene.deploy_to_the_middle(2, "2");
    cluster.kill_engine(1);
    scene.assert_ends_wholly(deploy.finish(LIMIT), 2, "2");
}

#[test]
fn the_leader_that_tidegate_talks_to_dies() {
    let cluster = Cluster::start(3);
    let scene = Scene::set(&cluster);
    assert_eq!(cluster.leader(1), Some(1));

    let deploy = scene.deploy_to_the_middle(1, "2");
    cluster.kill_engine(1);
    let ended = deploy.finish(LIMIT).expect_code(LEASE);
    assert!(ended.stdout.contains("cannot reach the engine at"), "{}", ended.text());
    assert!(ended.stdout.contains("over another manager"), "{}", ended.text());
    scene.assert_ends_wholly(scene.deploy(3, "2").finish(LIMIT), 3, "2");
}

#[test]
fn a_node_is_lost() {
    let cluster = Cluster::start(3);
    let scene = Scene::set(&cluster);

    let deploy = scene.deploy_to_the_middle(1, "2");
    cluster.lose(3);
    scene.assert_ends_wholly(deploy.finish(LIMIT), 1, "2");
}

#[test]
fn a_deployer_is_cut_off_with_the_leader_it_talks_to() {
    let cluster = Cluster::start(3);
    let scene = Scene::set(&cluster);
    assert_eq!(cluster.leader(1), Some(1));

    let first = scene.deploy_to_the_middle(1, "2");
    cluster.cut(1);
    let second = scene.deploy_from_elsewhere(2, "3");
    let first = first.finish(LIMIT).expect_code(LEASE);
    assert!(first.stdout.contains("could not be renewed"), "{}", first.text());
    let second = second.finish(LIMIT).expect_success();
    assert!(second.stdout.contains(r#""taken_over_from":"#), "{}", second.text());
    scene.assert_wholly_at(2, "3", &second);

    // Nothing that the first one sent comes through afterwards.
    cluster.mend(1);
    cluster.wait_until_whole(1);
    scene.assert_wholly_at(1, "3", &second);
    let status = scene.status(1).expect_success();
    assert!(status.stdout.contains("release 3"), "{}", status.text());
}
