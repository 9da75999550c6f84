//! Founding failure 2: several heads, and rows that name both an ancestor and its descendant.

use testbed::command::{self, wait_for};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

/// The last two revisions of release v2: a parent and its child, v2's head.
const PARENT: &str = "063ea481d27f";
const HEAD: &str = "174fb592e380";
/// The heads of release v5-two-heads, both children of [`HEAD`].
const HEADS: [&str; 2] = ["396bd7b405a2", "4a7ce8c516b3"];

#[test]
fn several_heads_and_a_row_beside_its_descendant() {
    let engine = Engine::start();
    engine.build_images(Some(env!("CARGO_BIN_EXE_tidegate").as_ref()));
    let stack = Stack::new(&engine, "heads");
    let deploy = |release: &str, overrides: Option<std::path::PathBuf>| {
        let files: Vec<_> = [Stack::example("stack.yml"), Stack::example("stack.stock.yml")]
            .into_iter()
            .chain(overrides)
            .collect();
        let mut command = stack.stock_deploy(release, &files, &["--resolve-image", "never"]);
        command::run(&mut command, DEPLOY_LIMIT).expect_success();
    };
    let wait_for_error = |error: &str| {
        wait_for(&format!("stock Alembic's error \"{error}\""), DEPLOY_LIMIT, || {
            stack.logs("migrate").contains(error).then_some(())
        });
    };

    // Stock, two heads: `upgrade head` does not know which.
    deploy("v2", None);
    stack.wait_for_release("v2");
    wait_for("stock Alembic's success with v2", DEPLOY_LIMIT, || (stack.rows() == [HEAD]).then_some(()));
    deploy("v5-two-heads", None);
    wait_for_error("Multiple head revisions are present for given argument 'head'");
    assert_eq!(stack.rows(), [HEAD]);

    // Stock, and the row of an ancestor beside its descendant's: `upgrade heads` refuses as well.
    stack.sql(&format!("INSERT INTO alembic_version VALUES ('{PARENT}')")).expect_success();
    let heads = "version: '3.8'\nservices: {migrate: {command: [alembic, upgrade, heads]}}\n";
    deploy("v5-two-heads", Some(stack.file("heads.yml", heads)));
    wait_for_error(&format!("Requested revision {HEAD} overlaps with other requested revisions {PARENT}"));
    assert_eq!(stack.rows(), [PARENT, HEAD]);
    // And all the while the services went on to the new release.
    stack.wait_for_release("v5-two-heads");

    // Tidegate, on the same rows: both heads are wanted, and the ancestor's row says nothing that its descendant's
    // does not.
    let binary = env!("CARGO_BIN_EXE_tidegate").as_ref();
    let files = [Stack::example("stack.yml")];
    // In production that is refused, before the database is touched.
    let production = stack.file("production.yml", "version: '3.8'\nx-tidegate: {environment: production}\n");
    let strict = [Stack::example("stack.yml"), production];
    let mut deploy = stack.tidegate_deploy(binary, "v5-two-heads", &strict, &["--resolve-image", "never"]);
    let refused = command::run(&mut deploy, DEPLOY_LIMIT);
    assert_eq!(refused.code, Some(6), "{}{}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains("which is refused in production"), "{}", refused.stderr);
    assert!(refused.stderr.contains("tidegate revisions merge"), "{}", refused.stderr);
    assert_eq!(stack.rows(), [PARENT, HEAD]);

    let mut deploy = stack.tidegate_deploy(binary, "v5-two-heads", &files, &["--resolve-image", "never"]);
    let deployed = command::run(&mut deploy, DEPLOY_LIMIT).expect_success();
    assert_eq!(stack.rows(), HEADS, "{}", deployed.stdout);
    for applied in ["SELECT count(*) FROM zone_notes", "SELECT count(quality) FROM readings"] {
        stack.sql(applied).expect_success();
    }
    stack.wait_for_release("v5-two-heads");
    assert_eq!(engine.get(&stack.url("/zones")).0, 200);
}
