//! `tidegate check` as a program: what it prints in every form, its exit codes, what `--fix` writes, and that no
//! secret is ever shown.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A stack with something to find, to fix, to ignore and to hide.
const STACK: &str = r#"version: "3.8"

x-app: &app
  image: registry.example/app:${RELEASE:-latest}

services:
  postgres:
    image: registry.example/postgis:15
    environment:
      POSTGRES_USER: app
      POSTGRES_PASSWORD: canary-1 # not here
    volumes:
      - data:/var/lib/postgresql/data
    networks: [back]

  # The gate.
  migrate:
    <<: *app
    command: ["alembic", "upgrade", "head"]
    networks: [back]
    deploy:
      restart_policy:
        condition: none
      update_config:
        failure_action: rollback # in vain
        monitor: 60s

  api:
    <<: *app
    environment:
      - DATABASE_URL=postgresql://app:canary-2@postgres/app
    networks: [back]
    depends_on:
      - postgres
    deploy:
      update_config:
        order: start-first # tidegate: ignore start-first-without-healthcheck (the image has one)

  worker:
    <<: *app
    environment: { API_TOKEN: canary-3 }
    deploy: { replicas: 2 } # tidegate: ignore no-update-confg
    networks: [back]

networks:
  back: {}
volumes:
  data: {}
"#;

fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stack.yml"), text).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("check").args(arguments).current_dir(folder).env_clear();
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let output = command(folder, arguments).output().unwrap();
    for stream in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(stream);
        assert!(!text.contains("canary"), "{arguments:?} shows a secret:\n{text}");
    }
    output
}

/// What a check of [`STACK`] prints on stdout, with its exit code.
fn checked(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = folder(STACK);
    let output = run(folder.path(), &[&["-c", "stack.yml"], arguments].concat());
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn for_people() {
    let (code, text) = checked(&[]);
    insta::assert_snapshot!(text);
    assert_eq!(code, Some(15));
}

#[test]
fn for_machines() {
    let (code, text) = checked(&["--output", "json"]);
    insta::assert_json_snapshot!(json(&text));
    assert_eq!((code, text.lines().count()), (Some(15), 1));
}

#[test]
fn for_github() {
    insta::assert_snapshot!(checked(&["--output", "github"]).1);
}

#[test]
fn for_code_scanning() {
    let mut log = json(&checked(&["--output", "sarif"]).1);
    let driver = &mut log["runs"][0]["tool"]["driver"];
    let rules = driver["rules"].as_array_mut().unwrap();
    assert!(rules.iter().all(|rule| rule["help"]["markdown"].is_string()));
    rules.truncate(1);
    driver["semanticVersion"] = "VERSION".into();
    for result in log["runs"][0]["results"].as_array().unwrap() {
        assert!(
            result["ruleIndex"].is_u64() && result["locations"][0]["physicalLocation"]["region"].is_object()
        );
    }
    insta::assert_json_snapshot!(log);
}

#[test]
fn rules_are_listed_and_explained() {
    let nowhere = tempfile::tempdir().unwrap();
    let list = run(nowhere.path(), &["--list"]);
    insta::assert_snapshot!("list", String::from_utf8_lossy(&list.stdout));
    let explained = run(nowhere.path(), &["--explain", "one-shot-rollback"]);
    insta::assert_snapshot!("explain", String::from_utf8_lossy(&explained.stdout));
    let unknown = run(nowhere.path(), &["--explain", "one-shot-rolback"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean one-shot-rollback?"));
}

#[test]
fn the_level_says_what_fails() {
    let good = "services:\n  api:\n    image: a:1\n    deploy: { update_config: { order: stop-first } }\n";
    let noted = format!("{good}networks: {{ back: {{}} }}\n");
    let warned = good.replace("a:1", "a");
    for (text, level, wanted) in [
        (good, "note", 0),
        (&*noted, "note", 15),
        (&*noted, "warning", 0),
        (&*warned, "warning", 15),
        (&*warned, "error", 0),
    ] {
        let folder = folder(text);
        let output = run(folder.path(), &["-c", "stack.yml", "--level", level]);
        assert_eq!(output.status.code(), Some(wanted), "{level}: {text}");
    }
}

#[test]
fn files_that_do_not_load_show_no_secret_either() {
    let text = "services:\n  api:\n    imgae: a:1\n    environment: { DB_PASSWORD: canary }\n    x: { A_TOKEN: canary }\n";
    let output = run(folder(text).path(), &["-c", "stack.yml"]);
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_env_files_and_missing_files_bring_is_found() {
    let text = "services:\n  api:\n    image: a:1\n    env_file: app.env\n    secrets: [key]\nsecrets: { key: { file: gone } }\n";
    let folder = folder(text);
    fs::write(folder.path().join("app.env"), "A_TOKEN=canary\nDSN=postgresql://a:canary@b/c\nHOST=b\n")
        .unwrap();
    let output = run(folder.path(), &["-c", "stack.yml"]);
    let text = String::from_utf8_lossy(&output.stdout);
    insta::assert_snapshot!(
        text.replace(&*folder.path().canonicalize().unwrap().to_string_lossy(), "FOLDER")
    );
    assert_eq!(output.status.code(), Some(15));
}

#[test]
fn a_dry_run_shows_a_diff_and_writes_nothing() {
    let folder = folder(STACK);
    let output = run(folder.path(), &["-c", "stack.yml", "--fix", "--dry-run"]);
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout));
    assert_eq!(fs::read_to_string(folder.path().join("stack.yml")).unwrap(), STACK);
    assert_eq!(output.status.code(), Some(0), "what would be left is no error");
}

#[test]
fn fixes_are_written_once_and_keep_the_rest_of_the_file() {
    let folder = folder(STACK);
    let file = folder.path().join("stack.yml");
    let fixed = run(folder.path(), &["-c", "stack.yml", "--fix", "--output", "json"]);
    let report = json(&String::from_utf8(fixed.stdout).unwrap());
    assert_eq!((&report["written"], report["fixed"].as_array().map(Vec::len)), (&true.into(), Some(3)));
    let text = fs::read_to_string(&file).unwrap();
    // Nothing but lines of the update_config differs.
    let kept: Vec<&str> =
        STACK.lines().filter(|line| !line.contains("rollback") && !line.contains("replicas")).collect();
    let mut lines = text.lines();
    for line in kept {
        assert!(lines.any(|other| other == line), "lost: {line}\n{text}");
    }
    assert!(text.contains("failure_action: continue # in vain"), "{text}");
    assert!(
        text.contains("deploy: { replicas: 2, update_config: { parallelism: 1, order: stop-first"),
        "{text}"
    );
    let again = run(folder.path(), &["-c", "stack.yml", "--fix", "--output", "json"]);
    let report = json(&String::from_utf8(again.stdout).unwrap());
    assert_eq!((&report["written"], &report["diff"]), (&false.into(), &"".into()));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the file");
}

#[test]
fn a_file_that_is_not_what_was_read_is_not_written() {
    let folder = folder(&format!("\u{feff}{STACK}"));
    let output = run(folder.path(), &["-c", "stack.yml", "--fix"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not plain UTF-8"));
    assert_eq!(fs::read_to_string(folder.path().join("stack.yml")).unwrap(), format!("\u{feff}{STACK}"));
}

#[test]
fn standard_input_is_checked_and_not_fixed() {
    let nowhere = tempfile::tempdir().unwrap();
    for (arguments, wanted) in
        [(&["-c", "-"][..], 15), (&["-c", "-", "--fix", "--dry-run"], 0), (&["-c", "-", "--fix"], 2)]
    {
        let mut child = command(nowhere.path(), arguments);
        let mut child =
            child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(STACK.as_bytes()).unwrap();
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(wanted), "{arguments:?}");
    }
}

#[test]
fn the_forms_of_check_are_no_forms_of_other_commands() {
    let folder = folder(STACK);
    let mut other = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    other
        .args(["stack", "config", "-c", "stack.yml", "--output", "sarif"])
        .current_dir(folder.path())
        .env_clear();
    assert_eq!(other.output().unwrap().status.code(), Some(2));
}

#[test]
fn the_projects_own_example_has_no_error() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/staging");
    let mut check = command(&example, &["-c", "stack.yml", "-c", "stack.stock.yml"]);
    let output = check.env("POSTGRES_PASSWORD", "canary").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !text.contains("canary"), "{text}");
}
