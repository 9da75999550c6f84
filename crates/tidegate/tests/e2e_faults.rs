//! The simulator's faults on a real engine: a proxy loses requests and answers, sends requests twice, delays them, and says that
//! there is no leader, at each of a deploy's writing calls. Whatever the deploy makes of it, the same command without faults
//! ends it at the new release.
//!
//! `TIDEGATE_FAULTS=all` plays every fault at every write, and by seed; without it one fault at each write.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;

use sim::{Fault, Faults, Proxy, When};
use testbed::command::{self, Finished};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};
use tokio::net::UnixListener;

/// Between how many writes a deploy of two services makes: lease, intent, two updates, outcome, the lease's end.
const FEWEST_WRITES: u64 = 6;
const MOST_WRITES: u64 = 30;

const FAULTS: [Fault; 6] = [
    Fault::LostAnswer,
    Fault::LostRequest,
    Fault::Resent,
    Fault::NoLeaderAfter,
    Fault::NoLeader,
    Fault::Slow(700),
];

/// A proxy on a socket of its own, for as long as this lives.
struct Running {
    proxy: Proxy,
    folder: tempfile::TempDir,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Running {
    fn start(engine: &Engine, faults: Faults) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let host = engine.host();
        let proxy = Proxy::new(host.trim_start_matches("unix://").as_ref(), faults);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let served = proxy.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = UnixListener::bind(&socket).unwrap();
                ready.send(()).unwrap();
                tokio::select! {
                    _ = served.serve(listener) => {}
                    _ = stopped => {}
                }
            });
        });
        is_ready.recv().unwrap();
        Self { proxy, folder, _stop: stop }
    }

    fn host(&self) -> String {
        format!("unix://{}/docker.sock", self.folder.path().display())
    }
}

fn file(stack: &Stack) -> PathBuf {
    let service = |name: &str, needs: &str| {
        format!(
            "  {name}: {{image: 'sleeper:${{RELEASE}}', stop_grace_period: 0s, depends_on: [{needs}], \
             deploy: {{update_config: {{monitor: 1s}}}}}}\n"
        )
    };
    stack.file(
        "stack.yml",
        &format!("version: '3.8'\nservices:\n{}{}", service("one", ""), service("two", "one")),
    )
}

fn deploy(stack: &Stack, release: &str, host: &str) -> Finished {
    let binary = env!("CARGO_BIN_EXE_tidegate").as_ref();
    let mut command: Command =
        stack.tidegate_deploy(binary, release, &[file(stack)], &["--resolve-image", "never"]);
    command::run(command.env("DOCKER_HOST", host), DEPLOY_LIMIT)
}

fn releases(stack: &Stack) -> BTreeSet<String> {
    stack.images().values().map(|image| image.rsplit(':').next().unwrap_or_default().to_owned()).collect()
}

fn only(release: &str) -> BTreeSet<String> {
    BTreeSet::from([release.to_owned()])
}

/// One attacked deploy from `old` to `new`, and the same command again. Returns how many writes it made, and whether anything
/// happened to them.
fn attacked(stack: &Stack, (old, new): (&str, &str), faults: Faults, what: &str) -> (u64, bool) {
    let proxy = Running::start(stack.engine, faults);
    let ended = deploy(stack, new, &proxy.host());
    let told = format!("{what}, {:?}:\n{}", proxy.proxy.happened(), ended.text());
    match ended.code {
        Some(0) => assert_eq!(releases(stack), only(new), "{told}"),
        Some(7) => assert_eq!(releases(stack), only(old), "{told}"),
        // The engine's own failure, an incomplete way back or a lease that is still held: what a next run continues.
        Some(4 | 8 | 9) => {}
        _ => panic!("{told}"),
    }
    let again = deploy(stack, new, &stack.engine.host());
    assert_eq!(again.code, Some(0), "{told}\nthen:\n{}", again.text());
    assert_eq!(releases(stack), only(new), "{told}");
    (proxy.proxy.write_count(), !proxy.proxy.happened().is_empty())
}

#[test]
fn whatever_happens_to_its_calls_the_deploy_ends_at_one_release() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1", "sleeper:2"]);
    let stack = Stack::new(&engine, "faults");
    assert_eq!(deploy(&stack, "1", &engine.host()).code, Some(0));
    let all = std::env::var("TIDEGATE_FAULTS").is_ok_and(|value| value == "all");
    let mut sides = ("1", "2");
    let mut turn = || {
        sides = (sides.1, sides.0);
        (sides.1, sides.0)
    };
    let mut write = 1;
    loop {
        let kinds =
            if all { &FAULTS[..] } else { &FAULTS[usize::try_from(write).unwrap() % FAULTS.len()..][..1] };
        let mut reached = false;
        for fault in kinds {
            let faults = Faults::at([(When::Write(write), *fault)]);
            let (writes, happened) = attacked(&stack, turn(), faults, &format!("write {write}: {fault:?}"));
            assert_eq!(happened, write <= writes, "write {write} of {writes}: {fault:?}");
            reached |= happened;
        }
        // There is no such write any more: all have been attacked.
        if !reached {
            assert!(write > FEWEST_WRITES, "a deploy of two services with {write} writes");
            break;
        }
        write += 1;
        assert!(write < MOST_WRITES, "a deploy of two services with {write} writes");
    }
    for seed in 0..if all { 50 } else { 3 } {
        attacked(&stack, turn(), Faults::by_seed(seed, 100), &format!("seed {seed}"));
    }
}
