//! Three managers, and what happens to them in the middle of a rollout: the leader dies, a node is lost, a deployer is cut off.
//! The deploy, or the same command again, ends wholly at one release.

use std::path::{Path, PathBuf};
use std::time::Duration;

use testbed::cluster::Cluster;
use testbed::command::{self, Finished, Running, wait_for};
use testbed::engine::Engine;
use testbed::stack::Stack;

/// An election takes up to 20 s, a node's loss is noticed after 16 s, and the machine may be busy.
const LIMIT: Duration = Duration::from_mins(4);
const SERVICES: [&str; 3] = ["one", "two", "three"];
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
    let network = format!("networks: {{default: {{ipam: {{config: [{{subnet: '{}'}}]}}}}}}", stack.environment["FRONT_SUBNET"]);
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
        let binary = Path::new(env!("CARGO_BIN_EXE_tidegate"));
        let options = ["--resolve-image", "never", "--output", "json"];
        let mut command =
            self.stack.tidegate_deploy(binary, release, std::slice::from_ref(&self.file), &options);
        Running::start(command.env("DOCKER_HOST", self.cluster.node(manager).host()))
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

    /// What `tidegate status` says.
    #[track_caller]
    fn status(&self, manager: usize) -> Finished {
        let mut status = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
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
    let ended = deploy.finish(LIMIT);
    eprintln!("{}", ended.text());
    let ended = ended.expect_success();
    scene.assert_wholly_at(2, "2", &ended);
    scene.status(2).expect_success();
}

#[test]
fn the_leader_that_tidegate_talks_to_dies() {
    let cluster = Cluster::start(3);
    let scene = Scene::set(&cluster);
    assert_eq!(cluster.leader(1), Some(1));

    let deploy = scene.deploy_to_the_middle(1, "2");
    cluster.kill_engine(1);
    let ended = deploy.finish(LIMIT);
    eprintln!("{:?} {:?} {}", ended.code, ended.elapsed, ended.text());
    let again = scene.deploy(3, "2").finish(LIMIT);
    eprintln!("{:?} {:?} {}", again.code, again.elapsed, again.text());
    let again = again.expect_success();
    scene.assert_wholly_at(3, "2", &again);
    scene.status(2).expect_success();
}

#[test]
fn a_node_is_lost() {
    let cluster = Cluster::start(3);
    let scene = Scene::set(&cluster);

    let deploy = scene.deploy_to_the_middle(1, "2");
    cluster.lose(3);
    let ended = deploy.finish(LIMIT);
    eprintln!("{:?} {:?} {}", ended.code, ended.elapsed, ended.text());
    let ended = ended.expect_success();
    scene.assert_wholly_at(1, "2", &ended);
    scene.status(1).expect_success();
}

#[test]
fn a_deployer_is_cut_off_with_the_leader_it_talks_to() {
    let cluster = Cluster::start(3);
    let scene = Scene::set(&cluster);
    assert_eq!(cluster.leader(1), Some(1));

    let first = scene.deploy_to_the_middle(1, "2");
    cluster.cut(1);
    let second = scene.deploy(2, "3");
    let first = first.finish(LIMIT);
    eprintln!("{:?} {:?} {}", first.code, first.elapsed, first.text());
    let second = second.finish(LIMIT);
    eprintln!("{:?} {:?} {}", second.code, second.elapsed, second.text());
    let second = second.expect_success();
    scene.assert_wholly_at(2, "3", &second);
    cluster.mend(1);
    cluster.wait_until_whole(1);
    scene.assert_wholly_at(1, "3", &second);
    scene.status(1).expect_success();
}
