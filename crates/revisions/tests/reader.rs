//! One revision file at a time: every form of a declaration, and every way to be refused. One file a case, in
//! `tests/cases/accepted` and `tests/cases/refused`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use diagnostics::{Diagnostic, Style};
use proptest::prelude::*;
use revisions::Revision;

fn cases(folder: &str) -> Vec<(String, Result<Revision, Diagnostic>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let result = revisions::read_text(Path::new(&name), &std::fs::read(file).unwrap());
        (name, result)
    };
    files.iter().map(read).collect()
}

#[test]
fn every_form_of_a_declaration_is_understood() {
    let mut text = String::new();
    for (name, result) in cases("accepted") {
        let revision = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        writeln!(text, "{name}: {:?} {:?}", revision.id, revision.message).unwrap();
        writeln!(
            text,
            "    down_revision {:?} at {:?}",
            revision.down_revision, revision.down_revision_place
        )
        .unwrap();
        writeln!(
            text,
            "    depends_on {:?}, branch_labels {:?}",
            revision.depends_on, revision.branch_labels
        )
        .unwrap();
        for dynamic in &revision.dynamic {
            writeln!(text, "    {} is computed at {}", dynamic.name, dynamic.place).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn every_refusal_names_the_place_and_what_to_write() {
    let mut text = String::new();
    for (name, result) in cases("refused") {
        let error = result.err().unwrap_or_else(|| panic!("{name} was accepted"));
        assert!(error.help.is_some(), "{name}");
        let rendered = error.render(Style::Plain);
        // One case is a line of six thousand characters.
        let shown: Vec<String> = rendered.lines().map(|line| line.chars().take(110).collect()).collect();
        writeln!(text, "{}\n", shown.join("\n")).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_projects_own_python_settles_what_a_file_computes() {
    let folder = tempfile::tempdir().unwrap();
    let versions = folder.path().join("versions");
    std::fs::create_dir(&versions).unwrap();
    std::fs::write(folder.path().join("env.py"), "").unwrap();
    std::fs::write(folder.path().join("alembic.ini"), "[alembic]\nscript_location = %(here)s\n").unwrap();
    std::fs::write(versions.join("a.py"), "revision = 'a1'\ndown_revision = None\n").unwrap();
    let computed = versions.join("b.py");
    std::fs::write(&computed, "import x\nrevision = x.y\ndown_revision = x.z\n").unwrap();
    let options = revisions::ConfigOptions { directory: folder.path().to_owned(), ..Default::default() };
    let config = revisions::find_config(&options).unwrap();
    let errors = revisions::read(&config).unwrap_err();
    assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), [revisions::COMPUTED]);
    let answer = revisions::Answer {
        revision: "b1".to_owned(),
        down_revision: vec!["a1".to_owned()],
        ..revisions::Answer::default()
    };
    let history = revisions::read_with(&config, &[(computed, answer)].into()).unwrap();
    assert_eq!(history.heads(), ["b1"]);
}

#[test]
fn folders_are_listed_as_alembic_lists_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, id: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, format!("revision = '{id}'\ndown_revision = None\n")).unwrap();
    };
    for (name, id) in [
        ("one/b.py", "id_b"),
        ("one/a.py", "id_a"),
        ("one/Z.py", "id_z"),
        ("one/nested/c.py", "id_c"),
        ("one/nested/__pycache__/d.py", "none"),
        ("one/__init__.py", "none"),
        ("one/__init__extra.py", "none"),
        ("one/.#b.py", "none"),
        ("one/readme.txt", "none"),
        ("one/old.py~", "none"),
        ("two/0.py", "id_0"),
    ] {
        write(name, id);
    }
    let folders = ["one", "missing", "two", "one"].map(|name| folder.path().join(name));
    let ids = |recursive| {
        let history = revisions::read_versions(&folders, recursive).unwrap();
        let ids: Vec<String> = history.revisions().iter().map(|revision| revision.id.clone()).collect();
        let warnings: Vec<&str> = history.warnings().iter().map(|warning| warning.code).collect();
        assert!(
            warnings.contains(&"revision-file/no-folder") && warnings.contains(&"revision-file/listed-twice")
        );
        ids
    };
    assert_eq!(ids(false), ["id_z", "id_a", "id_b", "id_0"]);
    assert_eq!(ids(true), ["id_z", "id_a", "id_b", "id_c", "id_0"]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = revisions::read_text(Path::new("x.py"), &bytes);
    }

    #[test]
    fn no_python_like_text_makes_the_reader_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "revision", "down_revision", "depends_on", " = ", "'a'", "\"\"\"", "(", ")", "[", "]", ",", "*", "+",
                "None", "\n", "\n    ", "if x:", "try:", "except E as revision:", "def f():", "f'{x}'", "match x:",
                "case [*revision]:", ": str", "import ", "from x import ", "lambda", "\\", "#", "del ", "é", "=", ".a",
            ]),
            0..60,
        )
    ) {
        let _ = revisions::read_text(Path::new("x.py"), parts.concat().as_bytes());
    }

    #[test]
    fn what_python_would_write_is_read_back(
        id in "[a-z0-9_]{1,32}",
        down in prop::collection::vec("[a-z0-9_é']{1,12}", 0..4),
        labels in prop::collection::vec("[a-zA-Z0-9_ ]{1,12}", 0..3),
    ) {
        let entry = common::Entry {
            file: "x.py".to_owned(),
            revision: id.clone(),
            down_revision: down.clone(),
            depends_on: Vec::new(),
            branch_labels: labels.clone(),
        };
        let revision = entry.read();
        prop_assert_eq!(revision.id, id);
        prop_assert_eq!(revision.down_revision, down);
        prop_assert_eq!(revision.branch_labels, labels);
    }
}

#[test]
fn deep_files_are_read_or_refused_and_never_exhaust_the_stack() {
    let (open, close) = ("(".repeat(5_000), ")".repeat(5_000));
    let blocks: Vec<String> = (0..500).map(|depth| " ".repeat(depth) + "if x:\n").collect();
    let nested_blocks = blocks.concat();
    let deep = |count: usize| {
        [
            format!("x = {}1", "1 + ".repeat(count)),
            format!("x = f{}", "()".repeat(count)),
            format!("x = a{}", ".b".repeat(count)),
            format!("x = a{}", "[0]".repeat(count)),
            format!("x = {}1", "-".repeat(count)),
            format!("x = {}1", "not ".repeat(count)),
            format!("x = {}1", "1 if y else ".repeat(count)),
            format!("x = {}1", "lambda: ".repeat(count)),
            format!("x = {}1", "2 ** ".repeat(count)),
            format!("x = {}1", "a and ".repeat(count)),
            format!("a{} = 1", " = a".repeat(count)),
            format!("match x:\n    case {}a:\n        pass", "b | ".repeat(count)),
            format!("if x:\n    pass\n{}", "elif y:\n    pass\n".repeat(count)),
        ]
    };
    let mut texts =
        vec![format!("x = {open}1{close}"), open, close, format!("{nested_blocks}{}pass", " ".repeat(500))];
    for count in [900, 1_100, 100_000] {
        texts.extend(deep(count));
    }
    let (mut read, mut refused) = (0, 0);
    for text in texts {
        let text = format!("revision = 'a1'\ndown_revision = None\n\n\n{text}\n");
        match revisions::read_text(Path::new("x.py"), text.as_bytes()) {
            Ok(revision) => {
                read += 1;
                let history = revisions::History::new(vec![revision]).unwrap();
                assert_eq!(revisions::required_extensions(&history), []);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 10 && refused > 10, "{read} read, {refused} refused");
}
