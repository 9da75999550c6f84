//! The strategy `recreate` on a real engine, with the stock way beside it: a stack whose network gets another subnet and whose
//! service takes its time to end; what uses the network from outside; a release that fails after the removal.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use testbed::command::{self, Finished};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

/// Ends only when it is killed, after its grace period.
const STUBBORN: &str = "trap '' TERM; while true; do sleep 1; done";

fn text(subnet: &str, release: u32, worker: &str) -> String {
    format!(
        "version: '3.8'
services:
  api:
    image: 'stubborn:1'
    stop_grace_period: 8s
    environment: {{RELEASE: '{release}'}}
    networks: [back]
    deploy: {{update_config: {{monitor: 1s}}}}
  worker:
    image: '{worker}'
    stop_grace_period: 0s
    environment: {{RELEASE: '{release}'}}
    networks: [back]
    deploy: {{update_config: {{monitor: 1s}}, restart_policy: {{delay: 500ms}}}}
networks:
  back: {{attachable: true, ipam: {{config: [{{subnet: {subnet}}}]}}}}
"
    )
}

struct Scene<'a> {
    engine: &'a Engine,
    stack: Stack<'a>,
    subnets: [String; 2],
}

impl Scene<'_> {
    fn deploy(&self, subnet: usize, release: u32, worker: &str, more: &[&str]) -> Finished {
        let file = self.stack.file("stack.yml", &text(&self.subnets[subnet], release, worker));
        let options = [&["--resolve-image", "never"], more].concat();
        let binary = env!("CARGO_BIN_EXE_tidegate").as_ref();
        command::run(&mut self.stack.tidegate_deploy(binary, "x", &[file], &options), DEPLOY_LIMIT)
    }

    fn stock_deploy(&self, subnet: usize) -> Finished {
        let file = self.stack.file("stack.yml", &text(&self.subnets[subnet], 1, "sleeper:1"));
        command::run(&mut self.stack.stock_deploy("x", &[file], &["--resolve-image", "never"]), DEPLOY_LIMIT)
    }

    fn network(&self) -> Value {
        let name = format!("{}_back", self.stack.name);
        let shown = self.engine.docker(["network", "inspect", &name]).expect_success();
        let list: Vec<Value> = serde_json::from_str(&shown.stdout).expect("the client writes JSON");
        list.into_iter().next().expect("there is one")
    }

    fn subnet(&self) -> String {
        self.network()["IPAM"]["Config"][0]["Subnet"].as_str().unwrap_or_default().to_owned()
    }

    /// Every service's spec, with the network's name for its id, and without the release that last changed it.
    fn specs(&self) -> BTreeMap<String, Value> {
        let id = self.network()["Id"].as_str().unwrap_or_default().to_owned();
        let spec = |name: &str| {
            let format = "{{json .Spec}}";
            let shown = self.engine.docker(["service", "inspect", "--format", format, name]).expect_success();
            let mut spec: Value = serde_json::from_str(&shown.stdout).expect("the client writes JSON");
            let target = &mut spec["TaskTemplate"]["Networks"][0]["Target"];
            assert_eq!(*target, id, "{name} is on the network that is there");
            *target = "back".into();
            (name.to_owned(), spec)
        };
        self.stack.list("service", "{{.Name}}").lines().map(spec).collect()
    }
}

#[test]
fn a_stack_is_recreated_when_it_is_really_gone() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1"]);
    engine.import_scripts([("stubborn:1", STUBBORN), ("crashing:1", "exit 3")]);
    let stack = Stack::new(&engine, "recreate");
    let subnets = ["FRONT_SUBNET", "BACK_SUBNET"].map(|name| stack.environment[name].clone());
    let scene = Scene { engine: &engine, stack, subnets };
    let network = format!("{}_back", scene.stack.name);

    // The stock way: the network is still there by name, and is not there for the new services.
    scene.stock_deploy(0).expect_success();
    scene.stack.container("api");
    scene.stack.container("worker");
    engine.docker(["stack", "rm", &scene.stack.name]).expect_success();
    let at_once = scene.stock_deploy(1);
    assert!(at_once.code != Some(0) && at_once.stderr.contains("not found"), "{}", at_once.text());

    // Tidegate waits for what is left of it.
    let first = scene.deploy(0, 1, "sleeper:1", &[]).expect_success();
    assert_eq!(scene.subnet(), scene.subnets[0], "{}", first.text());
    // Service by service the network stays as it is, and that is said.
    let rolling = scene.deploy(1, 2, "sleeper:1", &[]).expect_success();
    assert!(rolling.stdout.contains("--strategy recreate makes it anew"), "{}", rolling.text());
    assert_eq!(scene.subnet(), scene.subnets[0]);

    // Others use it: refused by name, or service by service.
    let outsider = format!("{network}-outsider");
    let run = ["run", "--detach", "--name", &outsider, "--network", &network, "sleeper:1"];
    engine.docker(run).expect_success();
    let job = format!("{network}-job");
    let create = ["service", "create", "--detach", "--name", &job, "--network", &network, "sleeper:1"];
    engine.docker(create).expect_success();
    let before = scene.specs();
    let refused = scene.deploy(1, 3, "sleeper:1", &["--strategy", "recreate"]);
    assert_eq!(refused.code, Some(16), "{}", refused.text());
    for words in
        [format!("container `{outsider}` on node"), format!("service `{job}` uses network `{network}`")]
    {
        assert!(refused.stderr.contains(&words), "{}", refused.text());
    }
    assert_eq!(scene.specs(), before);
    let either = ["--strategy", "recreate", "--if-in-use", "rolling"];
    let fallen_back = scene.deploy(1, 3, "sleeper:1", &either).expect_success();
    assert!(
        fallen_back.stdout.contains("not recreated but updated service by service"),
        "{}",
        fallen_back.text()
    );
    assert_eq!(scene.subnet(), scene.subnets[0]);
    engine.docker(["rm", "--force", &outsider]).expect_success();
    engine.docker(["service", "rm", &job]).expect_success();

    // With a service that takes 8 s to end.
    let recreated = scene.deploy(1, 4, "sleeper:1", &either).expect_success();
    assert!(
        recreated.stdout.contains("is gone; its networks and services are made anew"),
        "{}",
        recreated.text()
    );
    assert_eq!(scene.subnet(), scene.subnets[1]);
    let marks = scene.stack.list("service", "{{.Name}}");
    assert!(!marks.contains("recreate-r"), "no mark is left: {marks}");
    let again = scene.deploy(1, 4, "sleeper:1", &[]).expect_success();
    assert!(again.stdout.contains("nothing was changed"), "{}", again.text());

    // A release that fails after the removal.
    let before = scene.specs();
    let failed = scene.deploy(0, 5, "crashing:1", &["--strategy", "recreate"]);
    assert_eq!(failed.code, Some(7), "{}", failed.text());
    assert_eq!((scene.specs(), scene.subnet()), (before, scene.subnets[1].clone()), "{}", failed.text());
    let unchanged = scene.deploy(1, 4, "sleeper:1", &[]).expect_success();
    assert!(unchanged.stdout.contains("nothing was changed"), "{}", unchanged.text());

    // An earlier release, from before its networks were made anew: on today's network.
    let binary: &Path = env!("CARGO_BIN_EXE_tidegate").as_ref();
    let back = scene.stack.tidegate(binary, &["rollback", "--timeout", "1m", "--on-interrupt", "leave"]);
    assert!(back.expect_success().stdout.contains("which is release"), "it is back");
    assert_eq!(scene.subnet(), scene.subnets[1]);
    assert_eq!(scene.specs().len(), 2);
}
