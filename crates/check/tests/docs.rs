//! The page of rules is what the rules say.

use std::path::Path;

#[test]
fn the_page_of_rules_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    let wanted = check::rules_markdown();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        std::fs::write(&page, &wanted).expect("docs/rules.md can be written");
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(
        written == wanted,
        "docs/rules.md is not what the rules say: run this test with INSTA_UPDATE=always"
    );
}
