//! No false success and no vague failure: the rows decide, and the message says exactly what is in the database.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::process::Stdio;
use std::time::Duration;

use database::{Options, SeveralHeads};
use support::{ENV_PY, Project, table, text};

fn failed(project: &mut Project) -> (String, String) {
    let run = project.migrate();
    (run.error().to_string(), run.error().hint().unwrap_or_default())
}

#[test]
fn a_failure_half_way_leaves_everything_as_it_was_and_says_so() {
    let mut project = Project::line();
    project.migrate().ok();
    project.add_revision("r4", "'r3'", &table("four"));
    project.add_revision("r5", "'r4'", "op.execute('ALTER TABLE four ADD COLUMN shape geometry')");
    let mut options = project.options();
    options.extensions = vec!["!postgis".to_owned()];
    let run = project.run(&options);
    assert_eq!(
        run.error().to_string(),
        "alembic upgrade heads failed (exit code 1) at revision r5: type \"geometry\" does not exist (SQLSTATE 42704); \
         nothing was committed: the version table is at r3 as before"
    );
    let hint = run.error().hint().unwrap();
    assert!(hint.contains("the statement: ALTER TABLE four ADD COLUMN shape geometry"), "{hint}");
    assert!(hint.contains("it belongs to the extension postgis"), "{hint}");
    assert_eq!(run.report().applied, Vec::<String>::new());
    assert!(!project.has("four"));
    assert_eq!(project.rows(), "r3");
}

#[test]
fn what_a_transaction_per_migration_has_committed_is_named() {
    let env_py =
        ENV_PY.replace("connection=connection)", "connection=connection, transaction_per_migration=True)");
    let mut project = Project::line().env_py(&env_py).revision("r4", "'r3'", "op.execute('SELECT 1/0')");
    let run = project.migrate();
    assert_eq!(
        run.error().to_string(),
        "alembic upgrade heads failed (exit code 1) at revision r4: division by zero (SQLSTATE 22012); committed: r1, \
         r2, r3; not applied: r4; the version table is at r3, and r4 was planned"
    );
    assert_eq!(run.report().applied, ["r1", "r2", "r3"]);
    assert_eq!(
        project.sql("SELECT count(*) FROM tidegate.ledger"),
        "3",
        "what is committed is in the ledger"
    );
}

#[test]
fn a_half_applied_autocommit_block_is_told() {
    let mut project = Project::line().revision(
        "r4",
        "'r3'",
        "with op.get_context().autocommit_block():\n    op.execute('CREATE TABLE loose (id int)')\n    \
         op.execute('SELECT 1/0')",
    );
    let (message, hint) = failed(&mut project);
    assert!(message.contains("at revision r4: division by zero"), "{message}");
    assert!(message.contains("committed: r1, r2, r3; not applied: r4"), "{message}");
    assert!(hint.contains("revision r4 is half applied"), "{hint}");
    assert!(project.has("loose"));
}

#[test]
fn an_invalid_index_is_named() {
    let mut project = Project::new()
        .revision(
            "x1",
            "None",
            "op.execute('CREATE TABLE twins AS SELECT 1 AS id FROM generate_series(1, 2)')",
        )
        .revision(
            "x2",
            "'x1'",
            "with op.get_context().autocommit_block():\n    op.create_index('twins_id', 'twins', ['id'], \
             unique=True, postgresql_concurrently=True)",
        );
    let run = project.migrate();
    assert_eq!(run.report().invalid_indexes, ["public.twins_id"]);
    let hint = run.error().hint().unwrap();
    assert!(hint.contains("DROP INDEX CONCURRENTLY public.twins_id;"), "{hint}");
}

#[test]
fn success_that_committed_nothing_is_a_failure() {
    let env_py = ENV_PY.replace(
        "    context.configure",
        "    connection.exec_driver_sql('SELECT 1')\n    context.configure",
    );
    let mut project = Project::line().env_py(&env_py);
    let stock = project.alembic(&["upgrade", "head"]);
    assert!(stock.status.success(), "{}", text(&stock));
    let (message, hint) = failed(&mut project);
    assert_eq!(
        message,
        "alembic upgrade heads reported success, but the version table says otherwise: nothing was committed: the \
         version table is at nothing as before"
    );
    assert!(hint.contains("before context.configure()"), "{hint}");
}

#[test]
fn what_already_exists_is_never_success() {
    let mut project = Project::line();
    project.migrate().ok();
    project.sql("CREATE TABLE four (id int)");
    project.add_revision("r4", "'r3'", &table("four"));
    let (message, hint) = failed(&mut project);
    assert!(
        message.contains("at revision r4: relation \"four\" already exists (SQLSTATE 42P07)"),
        "{message}"
    );
    assert!(hint.contains("the schema is ahead of the version table"), "{hint}");
}

#[test]
fn a_lost_version_table_stops_the_run() {
    let mut project = Project::line();
    project.migrate().ok();
    project.sql("DROP TABLE alembic_version");
    let run = project.migrate();
    assert_eq!(run.error().kind(), "unstamped");
    assert!(
        run.error()
            .to_string()
            .contains("3 of the tables that these revisions create are there (one, three, two)")
    );
    assert!(!project.has("alembic_version"));
    assert!(project.alembic(&["stamp", "head"]).status.success());
    assert_eq!(project.migrate().ok().outcome(), "Current");
}

#[test]
fn other_tables_in_a_new_database_are_nobodys_business() {
    let mut project = Project::line();
    project.sql("CREATE TABLE somebody_elses (id int); CREATE EXTENSION postgis");
    project.migrate().ok();
    assert_eq!(project.rows(), "r3");
}

#[test]
fn a_version_table_in_another_schema_is_found() {
    let mut project = Project::line();
    project.sql("CREATE SCHEMA app; CREATE TABLE app.alembic_version (version_num varchar(32)); INSERT INTO app.alembic_version VALUES ('r2')");
    let run = project.migrate();
    assert_eq!(run.error().kind(), "other_schema");
    assert!(
        run.error().to_string().contains("schema app has one with rows of this history: r2"),
        "{}",
        run.error()
    );
}

#[test]
fn a_version_table_schema_is_used() {
    let env_py = ENV_PY.replace(
        "connection=connection)",
        "connection=connection, version_table='versions', version_table_schema='app')",
    );
    let mut project = Project::line().env_py(&env_py);
    project.sql("CREATE SCHEMA app");
    project.migrate().ok();
    assert_eq!(project.sql("SELECT version_num FROM app.versions"), "r3");
    assert_eq!(project.migrate().ok().outcome(), "Current");
}

#[test]
fn an_unknown_row_says_who_applied_it() {
    let mut project = Project::line();
    let options = Options {
        release: Some("7".to_owned()),
        image: Some("app:v2".to_owned()),
        commit: Some("c0ffee".to_owned()),
        ..project.options()
    };
    // A ledger of an earlier Tidegate, without the columns for them.
    project.migrate().ok();
    project.sql("ALTER TABLE tidegate.ledger DROP COLUMN image, DROP COLUMN source_commit");
    project.add_revision("r4", "'r3'", &table("four"));
    project.run(&options).ok();
    std::fs::remove_file(project.path().join("migrations/versions/r4.py")).unwrap();
    let run = project.migrate();
    assert_eq!(run.error().kind(), "ahead");
    let message = run.error().to_string();
    assert!(message.contains("names the revision r4, which is not in these revision files"), "{message}");
    assert!(message.contains("it was applied by release 7, image app:v2, commit c0ffee at 20"), "{message}");
    assert_eq!(project.rows(), "r4");
}

#[test]
fn the_ledger_sees_edits_and_insertions_below_the_head() {
    let mut project = Project::line();
    project.migrate().ok();
    project.add_revision("r2", "'between'", &table("two"));
    project.add_revision("between", "'r1'", &table("between"));
    let run = project.migrate().ok();
    assert_eq!(run.outcome(), "Current");
    let warnings = run.messages("warning");
    assert!(
        warnings[0].starts_with("between.py (between) was put below revisions that are applied already"),
        "{warnings:?}"
    );
    assert!(warnings[1].starts_with("r2.py (r2) was edited after it had been applied"), "{warnings:?}");
}

#[test]
fn a_ledger_that_may_not_be_written_is_only_a_warning() {
    let project = Project::line();
    support::server().sql("postgres", "CREATE ROLE no_schemas LOGIN PASSWORD 'canary-secret'");
    project.sql("GRANT CREATE ON SCHEMA public TO no_schemas");
    let mut project = project;
    project.url = support::url_as("no_schemas", "canary-secret", &project.database);
    let run = project.migrate().ok();
    assert_eq!(run.outcome(), "Migrated");
    assert!(
        run.messages("warning")[0].contains("permission denied for database"),
        "{:?}",
        run.messages("warning")
    );
}

/// A session that keeps a lock on table `one` until it is dropped.
struct Blocker(std::process::Child);

impl Blocker {
    fn new(project: &Project) -> Self {
        use std::io::{Read, Write};
        let mut session = support::server().psql_command(&project.database);
        let mut child = session.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"BEGIN; LOCK TABLE one; SELECT 'locked';\n").unwrap();
        let mut said = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"locked");
        Self(child)
    }
}

impl Drop for Blocker {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn a_lock_timeout_is_tried_again_while_nothing_is_committed() {
    let mut project = Project::line();
    project.migrate().ok();
    project.add_revision("r4", "'r3'", "op.execute('ALTER TABLE one ADD COLUMN more int')");
    let options = Options { lock_timeout: Duration::from_millis(300), ..project.options() };
    let blocker = Blocker::new(&project);
    let release = std::thread::spawn(move || {
        let cancelled =
            || support::server().log().contains("STATEMENT:  ALTER TABLE one ADD COLUMN more int");
        for _ in 0..1000 {
            if cancelled() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(blocker);
    });
    let run = project.run(&options).ok();
    release.join().unwrap();
    let retries = run.messages("retry");
    assert!(
        retries[0].starts_with("other sessions were in the way (55P03) and nothing was committed"),
        "{retries:?}"
    );
    assert_eq!(project.rows(), "r4");
}

#[test]
fn trying_again_is_bounded() {
    let mut project = Project::line();
    project.migrate().ok();
    project.add_revision("r4", "'r3'", "op.execute('ALTER TABLE one ADD COLUMN most int')");
    let options = Options { lock_timeout: Duration::from_millis(300), retries: 1, ..project.options() };
    let _blocker = Blocker::new(&project);
    let run = project.run(&options);
    assert_eq!(run.messages("retry").len(), 1);
    assert!(run.error().to_string().contains("canceling statement due to lock timeout (SQLSTATE 55P03)"));
}

#[test]
fn a_command_that_does_not_exist_says_where_to_name_it() {
    let mut project = Project::line();
    let options = Options { alembic: Some("no-such-alembic".to_owned()), ..project.options() };
    let run = project.run(&options);
    assert_eq!(run.error().kind(), "start");
    assert!(run.error().hint().unwrap().contains("TIDEGATE_ALEMBIC"));
}

#[test]
fn the_rows_of_branches_beside_their_merge_are_repaired() {
    let mut project = Project::new()
        .revision("m0", "None", &table("m0"))
        .revision("m1", "'m0'", &table("m1"))
        .revision("m2", "'m0'", &table("m2"))
        .revision("m3", "('m1', 'm2')", "pass");
    assert!(project.alembic(&["upgrade", "head"]).status.success());
    project.sql("INSERT INTO alembic_version VALUES ('m1'), ('m2')");
    project.add_revision("m4", "'m3'", &table("m4"));
    let stock = text(&project.alembic(&["upgrade", "head"]));
    assert!(stock.contains("overlaps with other requested revisions"), "{stock}");
    let run = project.migrate().ok();
    assert_eq!(run.messages("repaired").len(), 2);
    assert_eq!((run.report().applied.as_slice(), project.rows().as_str()), (&["m4".to_owned()][..], "m4"));
}

#[test]
fn a_dependency_that_was_added_after_it_was_applied_is_repaired() {
    let mut project =
        Project::new().revision("d1", "None", &table("d1")).revision("d2", "None", &table("d2"));
    let all = Options { several_heads: SeveralHeads::All, ..project.options() };
    project.run(&all).ok();
    assert_eq!(project.rows(), "d1,d2");
    project.add_revision("d2", "None\ndepends_on = 'd1'", &table("d2"));
    project.add_revision("d3", "'d2'", &table("d3"));
    let stock = text(&project.alembic(&["upgrade", "heads"]));
    assert!(stock.contains("overlaps with other requested revisions"), "{stock}");
    let run = project.migrate().ok();
    assert_eq!(
        run.messages("repaired"),
        ["removed the row d1 from the version table: d2 already implies it (d2 ← d1); rows now: d2"]
    );
    assert_eq!(run.report().applied, ["d3"]);
}

#[test]
fn a_row_behind_the_schema_is_a_failure_with_a_diagnosis() {
    let mut project = Project::line();
    project.migrate().ok();
    project.sql("UPDATE alembic_version SET version_num = 'r2'");
    let (message, hint) = failed(&mut project);
    assert!(
        message.contains("at revision r3: relation \"three\" already exists (SQLSTATE 42P07)"),
        "{message}"
    );
    assert!(hint.contains("alembic stamp REVISION"), "{hint}");
    assert_eq!(project.rows(), "r2");
}
