//! At most one migrator writes at a time: the lock, the fence behind it, and what happens when either is cut.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use database::Options;
use database::settings::Variables;
use support::{Project, Run, server, table};
use testbed::postgres::{PASSWORD, PgBouncer, SUPERUSER, percent};

/// Not a test of its own: a runner in a process that other tests can kill. Prints each event as a JSON line.
#[test]
#[ignore = "started by the other tests as a process of its own"]
fn runner() {
    let folder = std::env::var("RUNNER_FOLDER").unwrap();
    let options = Options {
        lock_wait: Duration::from_mins(1),
        fence_wait: Duration::from_secs(20),
        alembic: std::env::var("RUNNER_ALEMBIC").ok(),
        extensions: std::env::var("RUNNER_EXTENSIONS").into_iter().collect(),
        ..Options::new(folder, Variables::of_process())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(database::migrate(&options, std::future::pending(), &mut |event| {
        println!("{}", event.to_json());
    }));
    assert!(result.is_ok(), "{result:?}");
}

/// A runner, and its events as they come.
struct Runner {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    seen: Vec<String>,
}

impl Runner {
    fn start(project: &Project) -> Self {
        Self::of(project.runner("runner"))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, seen: Vec::new() }
    }

    /// Reads events until one contains both texts.
    fn until(&mut self, one: &str, two: &str) {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            let found = line.contains(one) && line.contains(two);
            self.seen.push(line);
            if found {
                return;
            }
        }
        panic!("no {one} {two} in:\n{}", self.seen.join("\n"));
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn finish(mut self) -> (bool, String) {
        let rest: Vec<String> = self.lines.by_ref().map_while(Result::ok).collect();
        self.seen.extend(rest);
        (self.child.wait().unwrap().success(), self.seen.join("\n"))
    }
}

fn wait_for(what: &str, mut test: impl FnMut() -> bool) {
    let started = Instant::now();
    while !test() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn activity(project: &Project, condition: &str) -> String {
    project.sql(&format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition}"
    ))
}

const SLOW: &str = "op.execute('SELECT pg_sleep(2.5)')\nop.create_table('slow', sa.Column('id', sa.Integer))";

#[test]
fn of_eight_runners_at_once_one_migrates_and_all_succeed() {
    // Without the lock: two creators of an extension fail with 23505, an autocommit_block is applied twice.
    let project = Project::line().revision(
        "r4",
        "'r3'",
        "with op.get_context().autocommit_block():\n    op.execute('INSERT INTO one VALUES (default)')",
    );
    let start = || {
        let mut command = project.runner("runner");
        command.env("RUNNER_EXTENSIONS", "postgis");
        Runner::of(command)
    };
    let runners: Vec<Runner> = (0..8).map(|_| start()).collect();
    let ends: Vec<(bool, String)> = runners.into_iter().map(Runner::finish).collect();
    let migrated = ends.iter().filter(|(_, text)| text.contains(r#""outcome":"migrated""#)).count();
    let current = ends.iter().filter(|(_, text)| text.contains(r#""outcome":"current""#)).count();
    assert!(ends.iter().all(|(success, _)| *success), "{ends:?}");
    assert_eq!((migrated, current), (1, 7));
    assert_eq!(project.sql("SELECT count(*) FROM tidegate.ledger"), "4", "each revision was applied once");
    assert_eq!(project.sql("SELECT count(*) FROM one"), "1", "the autocommit_block was applied once");
}

#[test]
fn a_runner_that_waits_says_for_whom() {
    let mut project = Project::new().revision("s1", "None", SLOW);
    let mut first = Runner::start(&project);
    first.until("revision", "running");
    let second = project.migrate().ok();
    assert_eq!(second.outcome(), "Current", "the state is read again under the lock");
    let told = second.messages("lock_waiting").join("");
    assert!(told.contains("waiting up to 30 s for the migration lock: backend "), "{told}");
    assert!(told.contains("(tidegate lock pid ") && told.contains(" since "), "{told}");
    assert!(first.finish().0);
}

#[test]
fn waiting_for_the_lock_is_bounded() {
    let mut project = Project::new().revision("s1", "None", SLOW);
    let mut first = Runner::start(&project);
    first.until("revision", "running");
    let options = Options { lock_wait: Duration::from_millis(300), ..project.options() };
    let run = project.run(&options);
    assert_eq!(run.error().kind(), "locked");
    assert!(run.error().hint().unwrap().contains("pg_terminate_backend("), "{:?}", run.error().hint());
    assert!(first.finish().0, "the first was not disturbed");
}

#[test]
fn after_kill_9_in_mid_statement_the_next_run_fences_the_orphan_and_applies_everything_once() {
    let mut project = Project::new().revision("k1", "None", &table("kept")).revision(
        "k2",
        "'k1'",
        "op.execute('CREATE TABLE two AS SELECT 1 AS x FROM pg_sleep(30)')",
    );
    let mut first = Runner::start(&project);
    first.until("k2", "running");
    wait_for("the statement", || {
        activity(&project, "query LIKE '%pg_sleep(30)%' AND state = 'active'") == "1"
    });
    first.kill();
    // The lock is free at once, while the statement goes on.
    project.add_revision("k2", "'k1'", &table("two"));
    let started = Instant::now();
    let run = project.migrate().ok();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(run.messages("fenced")[0].contains("pg_sleep(30)"), "{:?}", run.messages("fenced"));
    assert_eq!(project.rows(), "k2");
    assert_eq!(activity(&project, "query LIKE '%pg_sleep(30)%'"), "0");
}

#[test]
fn python_does_not_outlive_a_killed_runner() {
    // The orphan would start its second revision after the kill; the bridge ends it before.
    let project = Project::new().revision("o1", "None", "import time\ntime.sleep(1)").revision(
        "o2",
        "'o1'",
        &table("by_an_orphan"),
    );
    let mut first = Runner::start(&project);
    first.until("o1", "running");
    first.kill();
    wait_for("the end of Python's session", || {
        activity(&project, "application_name LIKE 'tidegate:%'") == "0"
    });
    std::thread::sleep(Duration::from_millis(1300));
    assert!(!project.has("by_an_orphan"));
}

#[test]
fn an_orphan_that_connects_late_is_ended_by_the_run_that_holds_the_lock() {
    // This Python takes no notice of PYTHONPATH, so only the fence can stop it; and it connects after the kill.
    let late = support::ENV_PY.replace(
        "engine =",
        "import time\nif os.environ.get('LATE'):\n    open('began', 'w')\n    time.sleep(2)\nengine =",
    );
    let mut project = Project::new().env_py(&late).revision(
        "l1",
        "None",
        "op.execute('SELECT pg_sleep(4)')\nop.create_table('late', sa.Column('id', sa.Integer))",
    );
    let script = format!("exec {}/python -I -m alembic \"$@\"", support::python_bin().display());
    std::fs::write(project.path().join("isolated"), script).unwrap();
    let mut command = project.runner("runner");
    command.env("LATE", "yes").env("RUNNER_ALEMBIC", "sh isolated");
    let mut first = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the orphan's start", || project.path().join("began").exists());
    first.kill().unwrap();
    first.wait().unwrap();
    let run = project.migrate().ok();
    let fenced = run.messages("fenced");
    assert!(fenced.iter().any(|told| told.contains("left behind by a run")), "{fenced:?}");
    assert_eq!(run.report().applied, ["l1"]);
}

#[test]
fn an_orphan_in_another_database_is_ended_too() {
    let other = server().url(&server().create_database());
    let env_py = support::ENV_PY.replace(
        "engine =",
        &format!(
            "if os.environ.get('LATE'):\n    with create_engine({other:?}).connect() as other:\n        \
             other.exec_driver_sql('SELECT pg_sleep(31)')\nengine ="
        ),
    );
    let mut project = Project::line().env_py(&env_py);
    let mut command = project.runner("runner");
    command.env("LATE", "yes");
    let mut first = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let asleep =
        "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(31)' AND state = 'active'";
    wait_for("the statement in the other database", || project.sql(asleep) == "1");
    first.kill().unwrap();
    first.wait().unwrap();
    let run = project.migrate().ok();
    assert!(run.messages("fenced")[0].contains("pg_sleep(31)"), "{:?}", run.messages("fenced"));
    assert_eq!(project.sql(asleep), "0");
}

#[test]
fn when_the_locks_connection_is_cut_the_run_is_stopped_and_its_sessions_are_ended() {
    let mut project = Project::new().revision("c1", "None", "op.execute('SELECT pg_sleep(20)')");
    let database = project.database.clone();
    let killer = std::thread::spawn(move || {
        let cut = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                   WHERE l.locktype = 'advisory' AND a.datname = current_database() AND EXISTS (SELECT FROM \
                   pg_stat_activity s WHERE s.datname = current_database() AND s.query LIKE 'SELECT pg_sleep(20)%')";
        wait_for("the lock and the statement", || server().sql(&database, cut) == "t");
    });
    let started = Instant::now();
    let run = project.migrate();
    killer.join().unwrap();
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert_eq!(run.error().kind(), "lock_lost");
    assert!(
        run.error().to_string().contains("nothing was committed: the version table is at nothing as before"),
        "{}",
        run.error()
    );
    assert_eq!(activity(&project, "application_name LIKE 'tidegate:%'"), "0");
}

#[test]
fn being_stopped_ends_alembic_and_its_sessions() {
    let mut project = Project::new().revision("t1", "None", "op.execute('SELECT pg_sleep(20)')");
    let options = project.options();
    let database = project.database.clone();
    let stop = async move {
        let asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                      AND query LIKE 'SELECT pg_sleep(20)%'";
        while server().sql(&database, asleep) != "1" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let started = Instant::now();
    let run = project.run_until(&options, stop);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_eq!(run.error().kind(), "interrupted");
    assert!(run.error().to_string().contains("nothing was committed"), "{}", run.error());
    assert_eq!(activity(&project, "application_name LIKE 'tidegate:%'"), "0");
}

#[test]
fn create_index_concurrently_works_while_others_wait_for_the_lock() {
    let mut project = Project::new().revision("i1", "None", &table("big")).revision(
        "i2",
        "'i1'",
        "import time\nwith op.get_context().autocommit_block():\n    time.sleep(1)\n    \
             op.create_index('big_id', 'big', ['id'], postgresql_concurrently=True)",
    );
    let mut first = Runner::start(&project);
    first.until("i2", "running");
    let second = project.migrate().ok();
    let (success, text) = first.finish();
    assert!(success, "{text}");
    assert_eq!(second.outcome(), "Current");
    assert_eq!(project.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'big_id'::regclass"), "t");
}

fn through(project: &mut Project, bouncer: &PgBouncer) -> Run {
    let url = format!(
        "postgresql+psycopg2://{SUPERUSER}:{}@127.0.0.1:{}/{}",
        percent(PASSWORD),
        bouncer.port(),
        project.database
    );
    project.url = url;
    project.migrate()
}

#[test]
fn a_pooler_in_transaction_mode_is_refused_and_leaves_no_lock() {
    let mut project = Project::line();
    let bouncer = PgBouncer::start(server(), "transaction");
    let run = through(&mut project, &bouncer);
    assert_eq!(run.error().kind(), "pooler", "{}", run.error());
    assert!(
        run.error().hint().unwrap().contains("Point DATABASE_URL of the gate's service at PostgreSQL itself")
    );
    assert!(!project.has("alembic_version"));
    let locks = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                 WHERE l.locktype = 'advisory' AND d.datname = current_database()";
    assert_eq!(project.sql(locks), "0", "the lock stays with the pool");
}

#[test]
fn a_pooler_that_takes_no_options_is_told_apart_from_a_database_that_is_not_ready() {
    let mut project = Project::line();
    let bouncer = PgBouncer::start_with(server(), "session", "");
    let started = Instant::now();
    let run = through(&mut project, &bouncer);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(run.error().kind(), "database_refused", "{}", run.error());
    assert!(run.error().hint().unwrap().contains("a connection pooler is in between"));
    let options = Options { lock_timeout: Duration::ZERO, ..project.options() };
    project.run(&options).ok();
}

#[test]
fn a_pooler_in_session_mode_is_as_good_as_the_server() {
    let mut project = Project::line();
    let bouncer = PgBouncer::start(server(), "session");
    through(&mut project, &bouncer).ok();
    assert_eq!(project.rows(), "r3");
}

#[test]
fn killed_at_ten_moments_and_run_again_it_ends_in_the_same_place() {
    let slow = |name: &str| format!("op.execute('SELECT pg_sleep(0.1)')\n{}", table(name));
    let env_py = support::ENV_PY
        .replace("connection=connection)", "connection=connection, transaction_per_migration=True)");
    let wanted = "n1,n2,n3,n4";
    for moment in 0..10_u64 {
        let mut project = Project::new()
            .env_py(&env_py)
            .revision("n1", "None", &slow("n1"))
            .revision("n2", "'n1'", &slow("n2"))
            .revision(
                "n3",
                "'n2'",
                &format!(
                    "with op.get_context().autocommit_block():\n    op.execute('SELECT pg_sleep(0.1)')\n{}",
                    table("n3")
                ),
            )
            .revision("n4", "'n3'", &slow("n4"));
        let mut command = project.runner("runner");
        let mut first = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(100 + 130 * moment));
        first.kill().unwrap();
        first.wait().unwrap();
        let run = project.migrate().ok();
        assert_eq!(run.report().rows, ["n4"], "killed at moment {moment}");
        let tables =
            "SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables WHERE tablename LIKE 'n_'";
        assert_eq!(project.sql(tables), wanted, "killed at moment {moment}");
        assert_eq!(project.migrate().ok().outcome(), "Current");
        assert_eq!(activity(&project, "application_name LIKE 'tidegate:%'"), "0");
    }
}

#[test]
fn a_server_that_freezes_does_not_freeze_us() {
    // A server of its own: the others share theirs.
    let postgres = testbed::postgres::Postgres::start();
    let mut project = Project::new().revision("z1", "None", "op.execute('SELECT pg_sleep(30)')");
    let database = postgres.create_database();
    project.url = postgres.url(&database);
    let mut runner = Runner::start(&project);
    runner.until("z1", "running");
    let backends = "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()";
    let frozen: Vec<String> = postgres.sql(&database, backends).split(' ').map(str::to_owned).collect();
    let signal = |name: &str| {
        assert!(Command::new("kill").arg(name).args(&frozen).status().unwrap().success());
    };
    signal("-STOP");
    let began = Instant::now();
    // The heartbeat finds out, and the run ends with its reason.
    runner.until("fenced", "pg_sleep(30)");
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
    signal("-CONT");
    let (success, text) = runner.finish();
    assert!(!success);
    assert!(text.contains("\"kind\":\"lock_lost\""), "{text}");
}
