//! Random graphs, answered by the library and by the real Alembic in the same run.
//!
//! Alembic comes from its package index into `build/`; without Python or without the network the test says so and passes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::compare::differences;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

const ALEMBIC: &str = "1.20.1";
const GRAPHS: usize = 80;

#[test]
fn random_graphs_get_the_answers_of_the_real_alembic() {
    let Some(python) = python_with_alembic() else { return };
    let seed = seed();
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() });
    let questions: Vec<Value> = (0..GRAPHS)
        .map(|number| graph().new_tree(&mut runner).unwrap().current().questions(number))
        .collect();
    let answers = ask(&python, &questions);
    assert_eq!(answers.len(), GRAPHS);
    let found = differences(&answers);
    assert!(
        found.is_empty(),
        "TIDEGATE_TEST_SEED={seed}: {} differences:\n{}",
        found.len(),
        found.join("\n")
    );
    let plans: usize = answers.iter().filter_map(|graph| graph["plans"].as_array()).map(Vec::len).sum();
    assert!(plans > GRAPHS * 10, "only {plans} plans were compared");
    println!("{GRAPHS} graphs, {plans} plans, seed {seed}");
}

/// Another one in every run; a failure names it.
fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    std::env::var("TIDEGATE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now.as_secs())
}

/// A graph as choices that are always acyclic: a revision's parents come from the revisions before it.
#[derive(Clone, Debug)]
struct Graph {
    revisions: Vec<Choice>,
    rows: Vec<Vec<prop::sample::Index>>,
}

#[derive(Clone, Debug)]
struct Choice {
    parents: Vec<prop::sample::Index>,
    dependencies: Vec<prop::sample::Index>,
    label: bool,
    /// Where the file sorts: Alembic's order between parallel branches.
    order: u8,
}

fn graph() -> impl Strategy<Value = Graph> {
    let parents = prop_oneof![
        1 => Just(0usize..=0), 7 => Just(1..=1), 2 => Just(2..=3),
    ]
    .prop_flat_map(|count| prop::collection::vec(any::<prop::sample::Index>(), count));
    let choice = (
        parents,
        prop_oneof![7 => Just(0usize), 2 => Just(1), 1 => Just(2)]
            .prop_flat_map(|count| prop::collection::vec(any::<prop::sample::Index>(), count)),
        prop::bool::weighted(0.1),
        any::<u8>(),
    )
        .prop_map(|(parents, dependencies, label, order)| Choice { parents, dependencies, label, order });
    let rows = prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 4);
    (prop::collection::vec(choice, 1..14), rows).prop_map(|(revisions, rows)| Graph { revisions, rows })
}

impl Graph {
    fn questions(&self, number: usize) -> Value {
        let id = |node: usize| format!("{:04x}{node:02}", (number * 7919 + node * 104_729) % 65_536);
        let mut files = Vec::new();
        for (node, choice) in self.revisions.iter().enumerate() {
            let earlier = |index: &prop::sample::Index| (node > 0).then(|| id(index.index(node)));
            let mut down: Vec<String> = choice.parents.iter().filter_map(earlier).collect();
            down.sort();
            down.dedup();
            let mut depends: Vec<String> = choice.dependencies.iter().filter_map(earlier).collect();
            depends.sort();
            depends.dedup();
            depends.retain(|dependency| !down.contains(dependency));
            let labels: Vec<String> = choice.label.then(|| format!("label{node}")).into_iter().collect();
            files.push(json!({
                "file": format!("{:03}_{node:02}.py", choice.order), "revision": id(node),
                "down_revision": down, "depends_on": depends, "branch_labels": labels,
            }));
        }
        files.sort_by_key(|file| file["file"].to_string());
        let count = self.revisions.len();
        let names: Vec<String> = files
            .iter()
            .flat_map(|file| {
                [
                    file["revision"].as_str().map(str::to_owned),
                    file["branch_labels"][0].as_str().map(str::to_owned),
                ]
            })
            .flatten()
            .collect();
        let mut targets: Vec<String> = ["head", "heads", "base", "zzzz"].map(str::to_owned).to_vec();
        targets.extend(names.iter().flat_map(|name| {
            [name.clone(), name[..4].to_owned(), format!("{name}@head"), format!("{name}@heads")]
        }));
        targets.dedup();
        let mut questions = Vec::new();
        for rows in &self.rows {
            let rows: Vec<String> = rows.iter().map(|index| id(index.index(count))).collect();
            questions.extend(ask_about(&rows, &names));
        }
        json!({ "id": number, "files": files, "targets": targets, "questions": questions })
    }
}

fn ask_about(rows: &[String], names: &[String]) -> Vec<Value> {
    let mut rows = rows.to_vec();
    rows.sort();
    rows.dedup();
    let last = names.last().cloned().unwrap_or_default();
    let middle = names[names.len() / 2].clone();
    let up = [
        "head".to_owned(),
        "heads".to_owned(),
        "+1".to_owned(),
        last.clone(),
        format!("{middle}+1"),
        format!("{middle}@+1"),
        format!("{middle}@head"),
    ];
    let down =
        ["-1".to_owned(), "-2".to_owned(), "base".to_owned(), middle.clone(), format!("{middle}@base")];
    let question = |cmd: &str, target: &String| json!({ "cmd": cmd, "rows": rows, "target": target });
    up.iter()
        .map(|target| question("upgrade", target))
        .chain(down.iter().map(|target| question("downgrade", target)))
        .collect()
}

fn ask(python: &Path, questions: &[Value]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/alembic/answers.py");
    let mut child = Command::new(python)
        .arg(script)
        .env("PYTHONHASHSEED", "0")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = serde_json::to_vec(questions).unwrap();
    // The script reads everything before it writes, so neither side can wait for the other.
    stdin.write_all(&text).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A Python that has the Alembic to compare with: made once, in the project's build folder.
fn python_with_alembic() -> Option<PathBuf> {
    let environment =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build").join(format!("alembic-{ALEMBIC}"));
    let python = environment.join("bin/python");
    let has_alembic = || {
        let check = format!("import alembic; assert alembic.__version__ == '{ALEMBIC}'");
        run(Command::new(&python).args(["-c", &check]))
    };
    if has_alembic() {
        return Some(python);
    }
    let made = run(Command::new("python3").args(["-m", "venv"]).arg(&environment))
        && run(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            &format!("alembic=={ALEMBIC}"),
        ]));
    if made && has_alembic() {
        return Some(python);
    }
    println!("skipped: Alembic {ALEMBIC} could not be installed, so nothing was compared with it");
    None
}

fn run(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
