//! The way through the gate on a real server with the real Alembic: what is applied, what is told, what is refused.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use database::{Extent, Options, SeveralHeads};
use support::{Project, table, text};

#[test]
fn from_empty_to_the_head_and_then_current() {
    let mut project = Project::line();
    let run = project.migrate().ok();
    assert_eq!(run.outcome(), "Migrated");
    assert_eq!(run.report().applied, ["r1", "r2", "r3"]);
    assert_eq!((run.report().rows_before.len(), run.report().rows.as_slice()), (0, &["r3".to_owned()][..]));
    assert_eq!(project.rows(), "r3");
    let told = run.messages("revision");
    assert_eq!(told.len(), 9, "running, done and applied for each: {told:?}");
    assert!(told[8].starts_with("r3 applied (0."), "{told:?}");
    let ledger =
        "SELECT string_agg(event || ' ' || revision || ' ' || file, ', ' ORDER BY id) FROM tidegate.ledger";
    assert_eq!(project.sql(ledger), "applied r1 r1.py, applied r2 r2.py, applied r3 r3.py");

    // The second run could not write if it wanted to.
    project.url = format!("{}?options=-c%20default_transaction_read_only%3Don", project.url);
    let run = project.migrate().ok();
    assert_eq!(run.outcome(), "Current");
    let kinds: Vec<String> = run.events.iter().map(|event| event.to_json()["event"].to_string()).collect();
    assert_eq!(kinds, ["\"ready\"", "\"report\""], "no lock, no Alembic");
}

#[test]
fn two_heads_are_both_applied() {
    let mut project = Project::new()
        .revision("root", "None", &table("root"))
        .revision("left", "'root'", &table("left_t"))
        .revision("right", "'root'", &table("right_t"));
    let stock = text(&project.alembic(&["upgrade", "head"]));
    assert!(stock.contains("Multiple head revisions are present for given argument 'head'"), "{stock}");
    let all = Options { several_heads: SeveralHeads::All, ..project.options() };
    let run = project.run(&all).ok();
    assert_eq!(run.report().rows, ["left", "right"]);
    assert_eq!(project.rows(), "left,right");
    assert!(run.messages("warning")[0].starts_with("the history has 2 heads (left, right)"));
    let mut options = project.options();
    options.target = "head".to_owned();
    let refused = project.run(&options);
    assert_eq!(refused.error().kind(), "target");
}

#[test]
fn rows_of_an_ancestor_and_its_descendant_are_repaired_with_a_proof() {
    let mut project = Project::line();
    assert!(project.alembic(&["upgrade", "r2"]).status.success());
    project.sql("INSERT INTO alembic_version VALUES ('r1')");
    let stock = project.alembic(&["upgrade", "head"]);
    assert!(
        text(&stock).contains("Requested revision r2 overlaps with other requested revisions r1"),
        "{}",
        text(&stock)
    );
    let run = project.migrate().ok();
    assert_eq!(
        run.messages("repaired"),
        ["removed the row r1 from the version table: r2 already implies it (r2 ← r1); rows now: r2"]
    );
    assert_eq!(run.report().applied, ["r3"]);
    assert_eq!(project.rows(), "r3");
}

#[test]
fn duplicate_rows_are_repaired() {
    let mut project = Project::line();
    assert!(project.alembic(&["upgrade", "r2"]).status.success());
    project.sql("ALTER TABLE alembic_version DROP CONSTRAINT alembic_version_pkc; INSERT INTO alembic_version VALUES ('r2'), ('r2')");
    let run = project.migrate().ok();
    assert_eq!(
        run.messages("repaired"),
        ["removed the row r2 from the version table: it was there 3 times; rows now: r2"]
    );
    assert_eq!(project.rows(), "r3");
}

#[test]
fn a_repair_alone_is_a_change_and_a_second_run_writes_nothing() {
    let mut project = Project::line();
    assert!(project.alembic(&["upgrade", "head"]).status.success());
    project.sql("INSERT INTO alembic_version VALUES ('r1')");
    assert_eq!(project.migrate().ok().outcome(), "Migrated");
    assert_eq!(project.rows(), "r3");
    assert_eq!(project.migrate().ok().outcome(), "Current");
}

/// The same line of revisions, each of which can be undone.
fn reversible() -> Project {
    let project = Project::line();
    for (id, name) in [("r1", "one"), ("r2", "two"), ("r3", "three")] {
        let file = project.path().join(format!("migrations/versions/{id}.py"));
        let text = std::fs::read_to_string(&file).unwrap();
        let (before, _) = text.rsplit_once("    pass\n").unwrap();
        std::fs::write(&file, format!("{before}    op.drop_table('{name}')\n")).unwrap();
    }
    project
}

#[test]
fn going_back_undoes_exactly_what_is_above_the_target_and_is_recorded() {
    let mut project = reversible();
    project.migrate().ok();
    let back = Options { target: "r1".to_owned(), extent: Extent::Downgrade, ..project.options() };
    let dry = Options { dry_run: true, ..back.clone() };
    let planned = project.run(&dry).ok();
    assert_eq!((planned.outcome().as_str(), project.rows().as_str()), ("Planned", "r3"));
    let run = project.run(&back).ok();
    assert_eq!(run.report().reverted, ["r3", "r2"]);
    assert_eq!(run.report().heads, ["r1"]);
    assert_eq!(run.report().message(), "undone: r3, r2; the database is at r1");
    assert_eq!((project.rows().as_str(), project.has("one"), project.has("two")), ("r1", true, false));
    assert_eq!(project.run(&back).ok().outcome(), "Current");
    let ledger = "SELECT string_agg(event || ' ' || revision, ', ' ORDER BY id) FROM tidegate.ledger WHERE event = 'reverted'";
    assert_eq!(project.sql(ledger), "reverted r3, reverted r2");
    assert_eq!(project.migrate().ok().report().applied, ["r2", "r3"]);

    let all = Options { target: "base".to_owned(), ..back };
    let run = project.run(&all).ok();
    assert_eq!((run.report().reverted.len(), run.report().rows.len()), (3, 0));
}

#[test]
fn nothing_is_undone_where_one_revision_cannot_be() {
    let mut project = reversible();
    let file = project.path().join("migrations/versions/r2.py");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("    op.drop_table('two')", "    raise NotImplementedError")).unwrap();
    project.migrate().ok();
    let back = Options { target: "r1".to_owned(), extent: Extent::Downgrade, ..project.options() };
    let run = project.run(&back);
    assert_eq!(run.error().to_string(), "nothing was undone: r2.py (r2) cannot be undone");
    assert_eq!((run.error().kind(), project.rows().as_str()), ("irreversible", "r3"));

    // A downgrade that does nothing is told.
    std::fs::write(&file, text.replace("    op.drop_table('two')", "    pass")).unwrap();
    let run = project.run(&back).ok();
    let warnings = run.messages("warning").join("\n");
    assert!(
        warnings.contains("the downgrade of r2.py (r2) does nothing: what it changed stays"),
        "{warnings}"
    );
    assert!(project.has("two"));
}
