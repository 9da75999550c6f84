//! Hooks on a real server: once per release, after the record, and never a reason to call a finished migration failed.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fs;
use std::time::Duration;

use database::{Environment, Hook, Hooks, Options};
use support::{Project, Run};

fn options(project: &Project, hooks: &str, release: &str) -> Options {
    Options {
        environment: Environment::Staging,
        hooks: Hook::list(hooks).unwrap(),
        release: Some(release.to_owned()),
        ..project.options()
    }
}

fn hooks(run: &Run) -> Vec<String> {
    run.messages("hook")
}

fn count(project: &Project) -> String {
    project.sql("SELECT count(*) FROM one")
}

const SEED: &str = r#"[{"sql": "seed.sql"}]"#;

fn seeded(insert: &str) -> Project {
    let project = Project::line();
    fs::write(project.path().join("seed.sql"), insert).unwrap();
    project
}

#[test]
fn statements_run_once_per_release_also_when_there_is_nothing_to_migrate() {
    let mut project = seeded("INSERT INTO one DEFAULT VALUES;\nINSERT INTO one DEFAULT VALUES;");
    let first = options(&project, SEED, "1");
    let run = project.run(&first).ok();
    assert_eq!(hooks(&run), ["hook seed.sql: running", "hook seed.sql: done"]);
    assert_eq!((run.report().hooks, count(&project).as_str()), (Hooks::Done, "2"));

    let again = project.run(&first).ok();
    assert_eq!((hooks(&again).len(), again.report().hooks, count(&project).as_str()), (0, Hooks::Done, "2"));

    let second = options(&project, SEED, "2");
    let run = project.run(&second).ok();
    assert_eq!((run.outcome().as_str(), count(&project).as_str()), ("Current", "4"));
    let record =
        "SELECT string_agg(release || ' ' || hook || ' ' || state, ', ' ORDER BY id) FROM tidegate.hooks";
    assert_eq!(project.sql(record), "1 seed.sql done, 2 seed.sql done");
}

#[test]
fn production_runs_only_what_names_it() {
    let mut project = seeded("INSERT INTO one DEFAULT VALUES");
    let mut production = options(&project, SEED, "1");
    production.environment = Environment::Production;
    let run = project.run(&production).ok();
    assert_eq!((run.report().hooks, count(&project).as_str()), (Hooks::None, "0"));
    production.hooks = Hook::list(r#"[{"sql": "seed.sql", "in": ["production"]}]"#).unwrap();
    let run = project.run(&production).ok();
    assert_eq!((run.report().hooks, count(&project).as_str()), (Hooks::Done, "1"));
}

#[test]
fn a_failing_hook_leaves_the_migration_done_and_its_own_work_undone_and_is_tried_again() {
    let mut project = seeded("INSERT INTO one DEFAULT VALUES; SELECT 1/0");
    let list = r#"[{"sql": "seed.sql"}, {"command": "touch later"}]"#;
    let first = options(&project, list, "1");
    let run = project.run(&first).ok();
    assert_eq!((run.outcome().as_str(), run.report().hooks), ("Migrated", Hooks::Failed));
    assert_eq!(
        run.messages("warning"),
        [
            "the hook seed.sql failed: division by zero (SQLSTATE 22012); the migration itself is done, verified and recorded"
        ]
    );
    assert_eq!((project.rows().as_str(), count(&project).as_str()), ("r3", "0"));
    assert!(!project.path().join("later").exists(), "what follows a failed hook does not run");

    fs::write(project.path().join("seed.sql"), "INSERT INTO one DEFAULT VALUES").unwrap();
    let run = project.run(&first).ok();
    assert_eq!((run.report().hooks, count(&project).as_str()), (Hooks::Done, "1"));
    assert!(project.path().join("later").exists());
}

#[test]
fn a_command_gets_the_runs_environment_and_its_end_is_told() {
    let mut project = Project::line();
    let database = project.database.clone();
    let list = r#"[{"command": "sh -c 'echo \"for $DATABASE_URL as $PGAPPNAME\" && exit 3'"}]"#;
    let first = options(&project, list, "1");
    let run = project.run(&first).ok();
    let output = run.messages("output").pop().unwrap();
    assert!(output.contains(&format!("/{database} as tidegate:")), "{output}");
    let warning = run.messages("warning").pop().unwrap();
    assert!(warning.contains("failed: exit status: 3"), "{warning}");
    assert_eq!(run.report().hooks, Hooks::Failed);
}

#[test]
fn a_hook_that_hangs_is_ended_and_so_is_what_it_does_in_the_server() {
    let mut project = seeded("SELECT pg_sleep(600)");
    let mut first = options(&project, SEED, "1");
    first.hook_timeout = Duration::from_secs(1);
    let run = project.run(&first).ok();
    let warning = run.messages("warning").pop().unwrap();
    assert!(warning.contains("it did not end within 1 s and was stopped"), "{warning}");
    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'";
    assert_eq!(project.sql(at_work), "0");

    first.hooks = Hook::list(r#"[{"command": "sleep 600"}]"#).unwrap();
    let run = project.run(&first).ok();
    let warning = run.messages("warning").pop().unwrap();
    assert!(warning.contains("the hook sleep failed: it did not end within 1 s"), "{warning}");
}

#[test]
fn a_file_that_is_not_there_and_a_program_that_is_not_there_are_told() {
    let mut project = Project::line();
    let first = options(&project, r#"[{"sql": "nowhere.sql"}]"#, "1");
    let run = project.run(&first).ok();
    let warning = run.messages("warning").pop().unwrap();
    assert!(warning.starts_with("the hook nowhere.sql was not run: its file cannot be read"), "{warning}");
    let second = options(&project, r#"[{"command": "no-such-program"}]"#, "1");
    let run = project.run(&second).ok();
    let warning = run.messages("warning").pop().unwrap();
    assert!(warning.contains("no-such-program cannot be started"), "{warning}");
    assert_eq!(project.rows(), "r3");
}

#[test]
fn a_run_that_is_stopped_during_a_hook_has_migrated_all_the_same() {
    for list in [SEED, r#"[{"command": "sh -c 'sleep 600' canary-argument"}]"#] {
        let mut project = seeded("SELECT pg_sleep(600)");
        let first = options(&project, list, "1");
        let database = project.database.clone();
        // Stopped once the hook is at work.
        let stop = async {
            let at_work = "SELECT count(*) FROM tidegate.hooks WHERE state = 'running'";
            while support::server().psql(&database, at_work).stdout.trim_ascii() != b"1" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let run = project.run_until(&first, stop).ok();
        assert_eq!((run.outcome().as_str(), run.report().hooks), ("Migrated", Hooks::Failed), "{list}");
        let warning = run.messages("warning").pop().unwrap();
        assert!(warning.contains("failed: it was stopped from outside"), "{warning}");
        assert_eq!(project.rows(), "r3");
    }
}

#[test]
fn of_several_runs_of_one_release_one_runs_the_hooks() {
    let mut project = seeded(
        "INSERT INTO one SELECT max(id) + 1 FROM (SELECT 0 AS id UNION SELECT id FROM one) ids; SELECT pg_sleep(0.3)",
    );
    project.migrate().ok();
    let first = options(&project, SEED, "7");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let result = runtime.block_on(database::migrate(&first, std::future::pending(), &mut |_| {}));
                assert_eq!(result.unwrap().hooks, Hooks::Done);
            });
        }
    });
    assert_eq!(count(&project), "1");
}
