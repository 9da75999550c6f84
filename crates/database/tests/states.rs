//! Broken states of `alembic_version`, and what stock Alembic and Tidegate make of each. Those that need more than rows
//! to come about have their own tests: an `autocommit_block` that failed, a statement before `context.configure()`, a
//! version table elsewhere (`truth`), a runner that was killed (`fence`).
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use database::{Extent, Options, SeveralHeads};
use support::{Project, table, text};

/// Exit code and output of the project's own `alembic upgrade heads`.
fn stock(project: &Project) -> (i32, String) {
    let output = project.alembic(&["upgrade", "heads"]);
    (output.status.code().unwrap(), text(&output))
}

fn diamond() -> Project {
    Project::new()
        .revision("root", "None", &table("root"))
        .revision("left", "'root'", &table("left_t"))
        .revision("right", "'root'", &table("right_t"))
        .revision("both", "('left', 'right')", &table("both_t"))
}

#[test]
fn an_ancestor_beside_its_descendant() {
    let mut project = Project::line();
    assert!(project.alembic(&["upgrade", "r2"]).status.success());
    project.sql("INSERT INTO alembic_version VALUES ('r1')");
    let (code, said) = stock(&project);
    assert!(code == 255 && said.contains("overlaps"), "{code} {said}");
    assert_eq!(project.migrate().ok().report().applied, ["r3"]);
    assert_eq!(project.rows(), "r3");
}

#[test]
fn branch_rows_beside_their_merge() {
    let mut project = diamond();
    assert!(project.alembic(&["upgrade", "heads"]).status.success());
    project.sql("INSERT INTO alembic_version VALUES ('left'), ('right')");
    project.add_revision("next", "'both'", &table("next_t"));
    let (code, said) = stock(&project);
    assert!(code == 255 && said.contains("overlaps"), "{code} {said}");
    assert_eq!(project.migrate().ok().report().applied, ["next"]);
    assert_eq!(project.rows(), "next");
}

#[test]
fn the_merges_schema_with_one_branch_row_left() {
    let mut project = diamond();
    assert!(project.alembic(&["upgrade", "heads"]).status.success());
    project.sql("UPDATE alembic_version SET version_num = 'left'");
    let (code, said) = stock(&project);
    assert!(code == 1 && said.contains("DuplicateTable"), "{code} {said}");
    let run = project.migrate();
    let message = run.error().to_string();
    assert!(message.contains("at revision right: relation \"right_t\" already exists"), "{message}");
    assert!(message.contains("nothing was committed: the version table is at left as before"), "{message}");
    let hint = run.error().hint().unwrap();
    assert!(hint.contains("alembic stamp"), "{hint}");
}

#[test]
fn an_unknown_revision() {
    let mut project = Project::line();
    project.migrate().ok();
    project.sql("UPDATE alembic_version SET version_num = 'gone'");
    let (code, said) = stock(&project);
    assert!(code == 255 && said.contains("Can't locate revision identified by 'gone'"), "{code} {said}");
    let run = project.migrate();
    assert_eq!(run.error().kind(), "ahead");
    assert_eq!(project.rows(), "gone");
}

#[test]
fn duplicate_rows() {
    let mut project = Project::line();
    assert!(project.alembic(&["upgrade", "heads"]).status.success());
    project.sql("ALTER TABLE alembic_version DROP CONSTRAINT alembic_version_pkc; INSERT INTO alembic_version VALUES ('r3')");
    let (code, _) = stock(&project);
    assert_eq!(code, 0, "latent: nothing is said");
    project.add_revision("r4", "'r3'", &table("four"));
    let (code, said) = stock(&project);
    assert!(code != 0 && said.contains("2 found"), "{code} {said}");
    assert_eq!(project.migrate().ok().report().applied, ["r4"]);
    assert_eq!(project.rows(), "r4");
}

#[test]
fn no_rows_with_a_full_schema() {
    for broken in ["DROP TABLE alembic_version", "DELETE FROM alembic_version"] {
        let mut project = Project::line();
        assert!(project.alembic(&["upgrade", "heads"]).status.success());
        project.sql(broken);
        let (code, said) = stock(&project);
        assert!(code == 1 && said.contains("DuplicateTable"), "{broken}: {code} {said}");
        assert_eq!(project.migrate().error().kind(), "unstamped", "{broken}");
    }
}

#[test]
fn a_row_behind_the_schema() {
    let mut project = Project::line();
    assert!(project.alembic(&["upgrade", "heads"]).status.success());
    project.sql("UPDATE alembic_version SET version_num = 'r2'");
    let (code, said) = stock(&project);
    assert!(code == 1 && said.contains("DuplicateTable"), "{code} {said}");
    let run = project.migrate();
    assert!(run.error().to_string().contains("relation \"three\" already exists"), "{}", run.error());
    assert!(run.error().hint().unwrap().contains("alembic stamp"), "{:?}", run.error().hint());
    assert_eq!(project.rows(), "r2");
}

#[test]
fn a_row_ahead_of_the_schema_is_seen_where_the_ledger_knows_what_was_applied() {
    let mut project = Project::line();
    let two = Options { target: "r2".to_owned(), ..project.options() };
    project.run(&two).ok();
    project.sql("UPDATE alembic_version SET version_num = 'r3'");
    let (code, _) = stock(&project);
    assert_eq!(code, 0, "invisible to Alembic");
    let run = project.migrate().ok();
    assert_eq!(run.outcome(), "Current");
    let warnings = run.messages("warning");
    assert!(warnings.len() == 1 && warnings[0].contains("r3.py (r3) counts as applied"), "{warnings:?}");
}

#[test]
fn a_dependency_declared_after_it_was_applied() {
    let mut project =
        Project::new().revision("base_a", "None", &table("a")).revision("base_b", "None", &table("b"));
    assert!(project.alembic(&["upgrade", "heads"]).status.success());
    let file = project.path().join("migrations/versions/base_b.py");
    let edited = std::fs::read_to_string(&file).unwrap() + "\ndepends_on = 'base_a'\n";
    std::fs::write(&file, edited).unwrap();
    project.add_revision("next", "'base_b'", &table("next_t"));
    let (code, said) = stock(&project);
    assert!(code == 255 && said.contains("overlaps"), "{code} {said}");
    assert_eq!(project.migrate().ok().report().applied, ["next"]);
}

#[test]
fn a_revision_inserted_below_the_head() {
    let mut project = Project::line();
    project.migrate().ok();
    project.add_revision("r2a", "'r1'", &table("two_a"));
    project.add_revision("r2", "'r2a'", &table("two"));
    let (code, said) = stock(&project);
    assert!(code == 0 && !said.contains("Running upgrade"), "it never runs: {code} {said}");
    let warnings = project.migrate().ok().messages("warning");
    assert!(
        warnings.iter().any(|text| text.contains("r2a.py (r2a) was put below revisions")),
        "{warnings:?}"
    );
    assert!(!project.has("two_a"));
}

#[test]
fn several_heads_are_refused_before_anything_is_connected_to_where_the_policy_says_so() {
    let mut project = Project::new()
        .revision("root", "None", &table("root"))
        .revision("left", "'root'", &table("left_t"))
        .revision("right", "'root'", &table("right_t"));
    let production = project.options();
    assert_eq!(production.several_heads, SeveralHeads::Refuse);
    let run = project.run(&production);
    assert_eq!(
        run.error().to_string(),
        "the history has 2 heads (left in left.py, right in right.py), which is refused in production"
    );
    let hint = run.error().hint().unwrap();
    assert!(hint.contains("whose down_revision is (\"left\", \"right\")"), "{hint}");
    assert!(run.messages("ready").is_empty(), "nothing was connected to");

    let one = Options { target: "right".to_owned(), ..project.options() };
    assert_eq!(project.run(&one).ok().report().applied, ["root", "right"]);
    let all = Options { several_heads: SeveralHeads::All, ..project.options() };
    assert_eq!(project.run(&all).ok().report().applied, ["left"]);
}

#[test]
fn a_repair_without_a_migration_changes_only_rows_and_only_with_a_proof() {
    let mut project = Project::line();
    assert!(project.alembic(&["upgrade", "r2"]).status.success());
    project.sql("INSERT INTO alembic_version VALUES ('r1')");
    let dry = Options { extent: Extent::RepairOnly, dry_run: true, ..project.options() };
    assert_eq!(project.run(&dry).ok().outcome(), "Planned");
    assert_eq!(project.rows(), "r1,r2");
    let repair = Options { extent: Extent::RepairOnly, ..project.options() };
    let run = project.run(&repair).ok();
    assert_eq!((run.outcome().as_str(), run.messages("repaired").len()), ("Migrated", 1));
    assert_eq!((project.rows().as_str(), project.has("three")), ("r2", false));
    assert_eq!(project.run(&repair).ok().outcome(), "Current", "a second repair finds nothing");
    project.sql("UPDATE alembic_version SET version_num = 'gone'");
    assert_eq!(project.run(&repair).error().kind(), "ahead", "no proof, no repair");
}
