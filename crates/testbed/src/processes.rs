//! What other processes of this machine show to everybody, or to their children: arguments and environments.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::canary::Canary;

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The processes that descend from one, as far as they still do.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        for thread in fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    found.split_off(1)
}

/// What a process was started with, or what it has in its environment: `cmdline` or `environ`. Empty when it is gone.
pub fn shown(pid: u32, file: &str) -> String {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', "\n")
}

/// Looks at the arguments of every process of the machine, again and again, until it is stopped.
#[derive(Debug)]
pub struct Sampler {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<Sampled>,
}

/// What a sampler saw.
#[derive(Debug, Default)]
pub struct Sampled {
    /// How often it looked.
    pub looks: usize,
    /// The programs that it saw.
    pub programs: BTreeSet<String>,
    /// Where it saw a secret: the program, the secret and the place.
    pub found: BTreeSet<(String, String, &'static str)>,
    /// What has been searched.
    known: BTreeSet<(u32, String)>,
}

impl Sampler {
    /// Looks for these secrets in all arguments, and in the environments of what descends from processes of `program`.
    pub fn start(secrets: Vec<Canary>, program: &'static str) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || {
            let mut sampled = Sampled::default();
            while !stop.load(Ordering::Relaxed) {
                sampled.look(&secrets, program);
                std::thread::sleep(LOOK);
            }
            sampled
        });
        Self { stopped, thread }
    }

    /// Ends it. Panics when it panicked.
    #[track_caller]
    pub fn stop(self) -> Sampled {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| panic!("the sampler of processes panicked"))
    }
}

impl Sampled {
    fn look(&mut self, secrets: &[Canary], program: &str) {
        self.looks += 1;
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let arguments = shown(pid, "cmdline");
            let name = name(&arguments);
            if self.known.insert((pid, arguments.clone())) {
                self.search(secrets, &name, &arguments, "arguments");
            }
            if name == program {
                for child in descendants(pid) {
                    let (name, environment) = (self::name(&shown(child, "cmdline")), shown(child, "environ"));
                    // One that has not yet become another program has its parent's.
                    if name != program && self.known.insert((child, environment.clone())) {
                        self.search(secrets, &name, &environment, "environment");
                    }
                    self.programs.insert(name);
                }
            }
        }
    }

    fn search(&mut self, secrets: &[Canary], program: &str, text: &str, place: &'static str) {
        for secret in secrets.iter().filter(|secret| secret.found_in(text).is_some()) {
            self.found.insert((program.to_owned(), secret.text().to_owned(), place));
        }
    }
}

/// The last part of a program's path.
fn name(arguments: &str) -> String {
    let program = arguments.lines().next().unwrap_or_default();
    program.rsplit('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_secret_among_arguments_or_in_a_childs_environment_is_seen() {
        let (argument, variable) =
            (Canary::new("seen-as-an-argument"), Canary::new("seen-in-a-childs-environment"));
        let sampler = Sampler::start(vec![argument.clone(), variable.clone()], "sh");
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 3; true", argument.text()]).env("A_SECRET", variable.text());
        let begun = Instant::now();
        shell.status().unwrap_or_else(|error| panic!("sh does not start: {error}"));
        assert!(begun.elapsed() >= Duration::from_secs(3));
        let seen = sampler.stop();
        let saw = |program: &str, secret: &Canary, place| {
            seen.found.contains(&(program.to_owned(), secret.text().to_owned(), place))
        };
        assert!(saw("sh", &argument, "arguments"), "{seen:?}");
        assert!(saw("sleep", &variable, "environment"), "{seen:?}");
    }
}
