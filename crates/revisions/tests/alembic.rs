//! Random graphs, answered by the library and by the real Alembic in the same run.
//!
//! Alembic comes from its package index into `build/`; without Python or without the network the test says so and passes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::path::Path;
use std::process::Command;

use common::compare::differences;
use common::python::{ask, python_with_alembic, seed};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

const GRAPHS: usize = 80;

#[test]
fn random_graphs_get_the_answers_of_the_real_alembic() {
    let Some(python) = python_with_alembic() else { return };
    let seed = seed();
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() });
    let questions: Vec<Value> = (0..GRAPHS)
        .map(|number| graph().new_tree(&mut runner).unwrap().current().questions(number))
        .collect();
    let answers = ask(&python, "answers.py", &Value::Array(questions));
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), GRAPHS);
    let found = differences(answers);
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

/// Statements of which a random file is made: every way to bind a name that Python has, and some that bind none.
const STATEMENTS: [&str; 42] = [
    "revision = 'a1'",
    "revision = 'b' 'c'",
    "revision: str = 'd1'",
    "revision, down_revision = 'e1', 'f1'",
    "(revision, *rest) = ('g1', 'h1')",
    "name = revision = 'i1'",
    "(revision := 'j1')",
    "import os as revision",
    "while True:\n    revision = 'k1'\n    break",
    "async def revision():\n    pass",
    "values = [revision for revision in ('l1',)]",
    "def rebind():\n    global revision\n    revision = 'm1'\n\nrebind()",
    "def local():\n    revision = 'n1'\n\nlocal()",
    "down_revision = None",
    "down_revision = 'o1'",
    "down_revision = ('p1', 'q1')",
    "down_revision = ['r1'] + ['s1']",
    "down_revision = [*('t1',), 'u1']",
    "down_revision = ()",
    "down_revision = {'v1'}",
    "down_revision = down_revision",
    "PARENT = 'w1'\ndown_revision = PARENT",
    "from os import sep as down_revision",
    "if 'x' == 'y':\n    down_revision = 'x1'\nelse:\n    down_revision = 'y1'",
    "[down_revision, depends_on] = ['z1', 'a2']",
    "class Holder:\n    down_revision = 'b2'",
    "depends_on = down_revision",
    "depends_on = branch_labels = 'c2'",
    "depends_on: str",
    "depends_on = f'{1}x'",
    "depends_on = ('d2')",
    "try:\n    depends_on = ('e2',)\nexcept NameError as depends_on:\n    pass",
    "with open('/dev/null') as depends_on:\n    pass",
    "match 'f2':\n    case depends_on:\n        pass",
    "def depends_on():\n    pass",
    "depends_on = None\ndel depends_on",
    "later = lambda: (depends_on := 'g2')",
    "for branch_labels in ('h2', 'i2'):\n    pass",
    "branch_labels = ('j2',)\nbranch_labels += ('k2',)",
    "branch_labels = str('l2')",
    "branch_labels = 'm2' if 'revision' else 'n2'",
    "branch_labels = (\n    'o2',  # the first\n    'p2',\n)",
];

#[test]
fn random_files_declare_what_python_says_or_are_marked_as_computed() {
    let Some(python) = python_with_alembic() else { return };
    let seed = seed();
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() });
    let statements = prop::collection::vec(prop::sample::select(STATEMENTS.to_vec()), 2..9);
    let texts: Vec<String> =
        (0..1500).map(|_| statements.new_tree(&mut runner).unwrap().current().join("\n") + "\n").collect();
    let answers = ask(&python, "declarations.py", &json!(texts));
    let (mut compared, mut computed) = (0, 0);
    for (text, answer) in texts.iter().zip(answers.as_array().unwrap()) {
        if answer.get("error").is_some() {
            continue;
        }
        match agree(text, answer) {
            Ok(0) => computed += 1,
            Ok(count) => compared += count,
            Err(what) => panic!("TIDEGATE_TEST_SEED={seed}: {what}\n{text}\nPython: {answer}"),
        }
    }
    assert!(compared > 300 && computed > 100, "{compared} compared, {computed} computed");
    println!("{compared} declarations compared, {computed} files computed, seed {seed}");
}

/// How many declarations are the same; none when the file was refused for a reason that Python confirms.
fn agree(text: &str, answer: &Value) -> Result<usize, String> {
    let absent = |name: &str| answer.get(name).is_none();
    let revision = match revisions::read_text(Path::new("x.py"), text.as_bytes()) {
        Ok(revision) => revision,
        Err(error) if error.code == revisions::COMPUTED => return Ok(0),
        Err(error) if error.code == "revision-file/no-revision" && absent("revision") => return Ok(0),
        Err(error) if error.code == "revision-file/no-down-revision" && absent("down_revision") => {
            return Ok(0);
        }
        Err(error) => return Err(format!("refused: {error}")),
    };
    let known = |name: &str| revision.dynamic.iter().all(|dynamic| dynamic.name != name);
    let ours = [
        ("revision", json!([revision.id])),
        ("down_revision", json!(revision.down_revision)),
        ("depends_on", json!(revision.depends_on)),
        ("branch_labels", json!(revision.branch_labels)),
    ];
    let mut count = 0;
    for (name, ours) in ours.iter().filter(|(name, _)| known(name)) {
        count += 1;
        if *ours != answer.get(name).cloned().unwrap_or(json!([])) {
            return Err(format!("{name} is {ours}"));
        }
    }
    Ok(count)
}

#[test]
fn a_merge_is_the_file_that_alembic_writes() {
    let Some(python) = python_with_alembic() else { return };
    let folder = tempfile::tempdir().unwrap();
    let alembic = |arguments: &[&str]| {
        let mut command = Command::new(python.with_file_name("alembic"));
        let done = command.args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    };
    alembic(&["init", "migrations"]);
    alembic(&["revision", "--rev-id", "a1", "-m", "base"]);
    alembic(&["revision", "--rev-id", "b1", "--head", "a1", "-m", "left"]);
    alembic(&["revision", "--rev-id", "c1", "--head", "a1", "--splice", "-m", "right"]);
    let options = revisions::ConfigOptions {
        directory: folder.path().to_owned(),
        ..revisions::ConfigOptions::default()
    };
    let config = revisions::find_config(&options).unwrap();
    let history = revisions::read(&config).unwrap();
    let message = "Merge the \"left\" & right, in a name that is long enough to be cut";
    let (heads, created) = (common::owned(&history.heads()), jiff::Zoned::now());
    let template = std::fs::read_to_string(config.script_location.join("script.py.mako")).unwrap();
    let request = revisions::MergeRequest {
        template: Some(&template),
        ..revisions::MergeRequest::new(&config, &heads, message, "m1", &created)
    };
    let ours = revisions::merge_file(&history, &request).unwrap();
    alembic(&["merge", "heads", "--rev-id", "m1", "-m", message]);
    let theirs = std::fs::read_to_string(config.version_locations[0].join(&ours.name)).unwrap();
    let without_date = |text: &str| {
        text.lines().filter(|line| !line.starts_with("Create Date")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without_date(&ours.text), without_date(&theirs));
}
