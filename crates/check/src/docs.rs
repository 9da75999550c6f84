//! The rules' explanations as text: for `--explain`, and all of them as a page.

use crate::rule::Rule;
use crate::rules::rules;

/// Everything there is to say about a rule, as Markdown.
pub fn explain(rule: &Rule) -> String {
    let mut out = format!("## {}\n\n{} ({})\n\n", rule.name, rule.summary, rule.level.as_str());
    out.push_str(&format!("{}\n\n{}\n", rule.what, rule.instead));
    for (title, files) in [("Found in:", rule.example.wrong), ("Not found in:", rule.example.right)] {
        out.push_str(&format!("\n{title}\n"));
        for file in files {
            out.push_str(&format!("\n```yaml\n{file}```\n"));
        }
    }
    out
}

/// The page of all rules: `docs/rules.md`.
pub fn rules_markdown() -> String {
    let mut out = String::from(
        "# Rules of `tidegate check`\n\nGenerated from `crates/check/src/rules`. How to use them: \
         [check.md](check.md).\n\n| rule | level | finds |\n|---|---|---|\n",
    );
    for rule in rules() {
        let row = (rule.name, rule.level.as_str(), rule.summary);
        out.push_str(&format!("| [{0}](#{0}) | {1} | {2} |\n", row.0, row.1, row.2));
    }
    for rule in rules() {
        out.push('\n');
        out.push_str(&explain(rule));
    }
    out
}
