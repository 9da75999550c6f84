//! Newer engines than the machine's own: the main job on each, and an upgrade between two deploys.

#[path = "support/main_job.rs"]
mod main_job;

use std::path::{Path, PathBuf};

use testbed::command::{self, Finished};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

#[track_caller]
fn do_main_job_on(version: &str) {
    let Some(engine) = Engine::start_version(version) else { return };
    assert!(engine.version().starts_with(&format!("{version}.")), "{}", engine.version());
    main_job::do_main_job(&engine);
}

#[test]
fn the_main_job_on_engine_26_1() {
    do_main_job_on("26.1");
}

#[test]
fn the_main_job_on_engine_28_5() {
    do_main_job_on("28.5");
}

/// A service with something of everything that a stack file can say and this engine can run.
const STACK: &str = "
services:
  api:
    image: 'sleeper:upgrade'
    command: [sleep, '100000']
    init: true
    hostname: api
    user: '0:0'
    working_dir: /tmp
    environment: { RELEASE: \"${RELEASE}\" }
    labels: { of: container }
    cap_add: [NET_ADMIN]
    cap_drop: [CHOWN]
    dns: [127.0.0.1]
    extra_hosts: ['other:127.0.0.2']
    read_only: true
    stop_grace_period: 1s
    stop_signal: SIGKILL
    sysctls: { net.ipv4.ip_forward: '1' }
    ulimits: { nofile: { soft: 1024, hard: 2048 } }
    healthcheck: { test: [CMD, sleep, '0'], interval: 1s }
    logging: { driver: json-file, options: { max-size: 1m } }
    ports: [{ target: 80, published: '${API_PORT}', mode: host }]
    configs: [{ source: text, target: /text, mode: 0440 }]
    secrets: [hidden]
    volumes:
      - 'kept:/kept'
      - { type: bind, source: /tmp, target: /host, read_only: true }
      - { type: tmpfs, target: /scratch, tmpfs: { size: 65536 } }
    networks: { default: { aliases: [front] } }
    deploy:
      replicas: 1
      labels: { of: service }
      placement: { constraints: [node.role == manager], preferences: [{ spread: node.labels.zone }] }
      resources: { limits: { memory: 64M, cpus: '0.5', pids: 50 }, reservations: { memory: 4M } }
      restart_policy: { condition: any, delay: 1s }
      update_config: { order: stop-first, monitor: 1s }
      rollback_config: { parallelism: 0 }
  plain: { image: 'sleeper:upgrade', command: [sleep, '100000'], stop_grace_period: 0s }
  everywhere: { image: 'sleeper:upgrade', stop_grace_period: 0s, deploy: { mode: global } }
networks: { default: { ipam: { config: [{ subnet: '${FRONT_SUBNET}' }] } } }
volumes: { kept: {} }
configs: { text: { content: text } }
secrets: { hidden: { environment: POSTGRES_PASSWORD } }
";

#[track_caller]
fn deploy(stack: &Stack, release: &str, file: &PathBuf) -> Finished {
    let binary = Path::new(env!("CARGO_BIN_EXE_tidegate"));
    let options = ["--resolve-image", "never"];
    let mut deploy = stack.tidegate_deploy(binary, release, std::slice::from_ref(file), &options);
    command::run(&mut deploy, DEPLOY_LIMIT)
}

/// What the upgraded engine shows differently, or fills in, is nobody's change: the same release again changes nothing, and the
/// next one finds nothing in its way, nor does the way back.
#[test]
fn an_engine_that_is_upgraded_between_two_deploys() {
    let Some(engine) = Engine::start_before("28.5") else { return };
    engine.build_sleeper(&["sleeper:upgrade"]);
    let stack = Stack::new(&engine, "upgrade");
    let file = stack.file("stack.yml", STACK);
    deploy(&stack, "1", &file).expect_success();

    engine.upgrade("28.5");
    let again = deploy(&stack, "1", &file).expect_success();
    assert!(again.stdout.contains("nothing was changed"), "{}", again.text());
    deploy(&stack, "2", &file).expect_success();
    let binary = Path::new(env!("CARGO_BIN_EXE_tidegate"));
    stack.tidegate(binary, &["rollback"]).expect_success();
    let again = deploy(&stack, "1", &file).expect_success();
    assert!(again.stdout.contains("nothing was changed"), "{}", again.text());
}
