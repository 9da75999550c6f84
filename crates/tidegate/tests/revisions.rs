//! `tidegate revisions` as a program: what it prints, in words and as JSON, and its exit codes.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A project with a branch point, two branches of which one carries a label, and a branch that depends on one.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let versions = folder.path().join("migrations/versions");
    fs::create_dir_all(&versions).unwrap();
    fs::write(folder.path().join("alembic.ini"), "[alembic]\nscript_location = %(here)s/migrations\n")
        .unwrap();
    for (id, down, depends, labels, message) in [
        ("aaaa01", "None", "None", "None", "Create the tables"),
        ("bbbb01", "'aaaa01'", "None", "'left'", "Add a column"),
        ("cccc01", "'aaaa01'", "None", "None", "Drop a column"),
        ("dddd01", "None", "'cccc01'", "None", "Fill the tables"),
    ] {
        let text = format!(
            "\"\"\"{message}\n\nMore.\n\"\"\"\nrevision = '{id}'\ndown_revision = {down}\ndepends_on = \
             {depends}\nbranch_labels = {labels}\n\n\ndef upgrade():\n    pass\n"
        );
        fs::write(versions.join(format!("{id}.py")), text).unwrap();
    }
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .arg("revisions")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap()
}

fn json(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = run(folder, &[arguments, &["--output", "json"]].concat());
    let stdout = String::from_utf8(output.stdout).unwrap();
    // One document, whatever happened.
    (output.status.code(), serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}")))
}

/// The questions of these tests, answered for people.
const QUESTIONS: [&[&str]; 17] = [
    &["heads"],
    &["heads", "--single"],
    &["bases"],
    &["history"],
    &["show", "bbbb"],
    &["show", "heads"],
    &["show", "bbbb02"],
    &["plan"],
    &["plan", "--from", "bbbb01", "--to", "dddd01"],
    &["plan", "--from", "bbbb01, cccc01,dddd01"],
    &["plan", "--from", "bbbb01", "--downgrade"],
    &["plan", "--from", "aaaa01", "--to", "+1"],
    &["plan", "--from", "feedface"],
    &["diagnose", "--rows", "bbbb01,dddd01"],
    &["diagnose", "--rows", "aaaa01,bbbb01,bbbb01"],
    &["diagnose", "--rows", "feedface,bbbb01"],
    &["graph"],
];

#[test]
fn every_question_is_answered_for_people() {
    let folder = project();
    let mut text = String::new();
    for question in QUESTIONS {
        let output = run(folder.path(), question);
        writeln!(text, "$ tidegate revisions {}", question.join(" ")).unwrap();
        text.push_str(&String::from_utf8_lossy(&output.stdout));
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        writeln!(text, "(exit {})\n", output.status.code().unwrap()).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn every_question_is_answered_with_one_json_document_and_the_same_exit_code() {
    let folder = project();
    let answers: Vec<Value> = QUESTIONS
        .iter()
        .map(|question| {
            let (code, answer) = json(folder.path(), question);
            assert_eq!(code, run(folder.path(), question).status.code(), "{question:?}");
            serde_json::json!({ "question": question.join(" "), "exit": code, "answer": answer })
        })
        .collect();
    insta::assert_json_snapshot!(answers);
}

#[test]
fn folders_can_be_named_instead_of_a_configuration() {
    let folder = project();
    let nested = folder.path().join("migrations/versions/nested");
    fs::create_dir(&nested).unwrap();
    fs::write(nested.join("e.py"), "revision = 'eeee01'\ndown_revision = 'bbbb01'\n").unwrap();
    let heads = |arguments: &[&str]| {
        let (code, heads) = json(folder.path(), arguments);
        assert_eq!(code, Some(0));
        heads
            .as_array()
            .unwrap()
            .iter()
            .map(|head| head["revision"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(heads(&["heads", "--versions", "migrations/versions"]), ["bbbb01", "cccc01", "dddd01"]);
    let nested = heads(&["--versions", "migrations/versions", "--recursive", "heads"]);
    assert_eq!(nested, ["cccc01", "dddd01", "eeee01"]);
    let (code, error) = json(folder.path(), &["heads", "--versions", "nowhere"]);
    assert_eq!((code, error["event"].as_str()), (Some(3), Some("error")));
}

#[test]
fn pictures_come_in_four_forms() {
    let folder = project();
    for (form, beginning) in [("text", "* "), ("dot", "digraph "), ("mermaid", "graph "), ("svg", "<svg ")] {
        let output = run(folder.path(), &["graph", "--format", form]);
        assert!(output.status.success());
        assert!(output.stdout.starts_with(beginning.as_bytes()), "{form}");
        let (_, answer) = json(folder.path(), &["graph", "--format", form]);
        assert_eq!(answer["text"].as_str().unwrap().as_bytes(), output.stdout);
    }
}

#[test]
fn a_merge_is_written_once_and_leaves_one_head() {
    let folder = project();
    fs::write(
        folder.path().join("migrations/script.py.mako"),
        "\"\"\"${message}\"\"\"\n# ours\nrevision = ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\n",
    )
    .unwrap();
    let merge = ["merge", "-m", "Join left and right", "--rev-id", "eeee01"];
    let (code, written) = json(folder.path(), &merge);
    assert_eq!(code, Some(0));
    let file = "migrations/versions/eeee01_join_left_and_right.py";
    let expected = serde_json::json!({
        "revision": "eeee01", "file": file, "heads": ["bbbb01", "cccc01", "dddd01"],
    });
    assert_eq!(written, expected);
    let text = fs::read_to_string(folder.path().join(file)).unwrap();
    assert!(text.contains("# ours\nrevision = 'eeee01'\ndown_revision = ('bbbb01', 'cccc01', 'dddd01')\n"));
    let (code, heads) = json(folder.path(), &["heads", "--single"]);
    assert_eq!((code, heads[0]["revision"].as_str()), (Some(0), Some("eeee01")));
    // There is nothing left to join.
    let again = run(folder.path(), &["merge", "-m", "Again"]);
    assert_eq!(again.status.code(), Some(3));
    assert_eq!(fs::read_dir(folder.path().join("migrations/versions")).unwrap().count(), 5);
}

#[test]
fn a_history_that_cannot_be_used_is_refused_with_its_file_and_line() {
    let folder = project();
    let broken = "revision = 'eeee01'\ndown_revision = 'bbbb02'\n";
    fs::write(folder.path().join("migrations/versions/e.py"), broken).unwrap();
    let output = run(folder.path(), &["heads"]);
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap());
    let (code, error) = json(folder.path(), &["heads"]);
    assert_eq!(code, Some(3));
    let found = &error["diagnostics"][0];
    assert_eq!(
        (found["line"].as_u64(), found["code"].as_str()),
        (Some(2), Some("revision-graph/missing-parent"))
    );
}

#[test]
fn what_a_file_computes_is_a_warning_beside_the_document() {
    let folder = project();
    let computed = "import x\nrevision = 'eeee01'\ndown_revision = 'bbbb01'\nbranch_labels = x.LABELS\n";
    fs::write(folder.path().join("migrations/versions/e.py"), computed).unwrap();
    let (code, heads) = json(folder.path(), &["heads"]);
    assert_eq!((code, heads.as_array().unwrap().len()), (Some(0), 3));
    let warning = String::from_utf8(run(folder.path(), &["heads", "--output", "json"]).stderr).unwrap();
    assert!(warning.contains("e.py:4:17: `branch_labels` of 'eeee01' is computed"), "{warning}");
}
