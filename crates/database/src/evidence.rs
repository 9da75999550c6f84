//! What the text of revision files gives away about their effects: which tables they create, and whether they commit
//! on their own. Pure; it looks at text, so it is evidence for a message or for caution, never a proof.

/// The names in `create_table("name"` and `CREATE TABLE name`, in order, without repeats. A file that creates tables
/// only where they are missing tells nothing and gives no name.
pub(crate) fn created_tables(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let mut tables = Vec::new();
    let looks_first = ["if_not_exists", "if not exists", "has_table", "get_table_names", "checkfirst"];
    if looks_first.iter().any(|words| lower.contains(words)) {
        return tables;
    }
    for (at, matched) in lower.match_indices("create_table(") {
        let rest = text[at + matched.len()..].trim_start();
        if let Some(quote) = rest.chars().next().filter(|first| matches!(first, '"' | '\''))
            && let Some((name, _)) = rest[1..].split_once(quote)
        {
            push(&mut tables, name);
        }
    }
    for (at, matched) in lower.match_indices("create table ") {
        let rest = text[at + matched.len()..].trim_start();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_.\"".contains(c))).unwrap_or(rest.len());
        let name = rest[..end].replace('"', "");
        push(&mut tables, name.rsplit('.').next().unwrap_or_default());
    }
    tables
}

fn push(tables: &mut Vec<String>, name: &str) {
    if !name.is_empty() && !tables.iter().any(|other| other == name) {
        tables.push(name.to_owned());
    }
}

/// Whether a file may commit in its middle: an `autocommit_block`, an AUTOCOMMIT connection, or COMMIT itself.
pub(crate) fn commits_on_its_own(text: &str) -> bool {
    text.to_ascii_lowercase().contains("commit")
}

/// What a file's `downgrade()` does, as far as its text tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Downgrade {
    /// Something.
    Works,
    /// Nothing, while `upgrade()` does something.
    Nothing,
    /// It raises, or is missing.
    Refuses,
}

/// Looks at a file's `downgrade()`.
pub(crate) fn downgrade(text: &str) -> Downgrade {
    match (body(text, "downgrade"), body(text, "upgrade")) {
        (None, _) => Downgrade::Refuses,
        (Some(down), _) if down.first().is_some_and(|line| line.starts_with("raise")) => Downgrade::Refuses,
        (Some(down), Some(up)) if is_empty(&down) && !is_empty(&up) => Downgrade::Nothing,
        _ => Downgrade::Works,
    }
}

/// The statements of a function at the top of a file, a line each, without comments and its docstring.
fn body<'a>(text: &'a str, function: &str) -> Option<Vec<&'a str>> {
    let header = format!("def {function}(");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&header));
    let first = lines.next()?;
    let rest = first.rsplit_once(':').map(|(_, rest)| rest.trim()).filter(|rest| !rest.is_empty());
    let inside = lines.take_while(|line| line.trim().is_empty() || line.starts_with([' ', '\t', ')', '#']));
    let statements = rest.into_iter().chain(inside.map(str::trim));
    let mut docstring = None;
    let mut body = Vec::new();
    for line in statements.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(quotes) = docstring {
            docstring = (!line.ends_with(quotes)).then_some(quotes);
            continue;
        }
        let opened = ["\"\"\"", "'''"].into_iter().find(|quotes| line.starts_with(quotes));
        match opened {
            Some(quotes) if body.is_empty() => {
                docstring = (line.len() < 6 || !line.ends_with(quotes)).then_some(quotes);
            }
            _ => body.push(line),
        }
    }
    Some(body)
}

fn is_empty(body: &[&str]) -> bool {
    body.iter().all(|line| matches!(*line, "pass" | "..."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn created_tables_are_found_in_both_spellings() {
        let text = "op.create_table(\n    'area',\nop.create_table(\"users\", schema=None)\nop.execute('CREATE TABLE \
                    app.\"logs\" (id int)')";
        assert_eq!(created_tables(text), ["area", "users", "logs"]);
        assert_eq!(created_tables("op.create_table(NAME)"), Vec::<String>::new());
        assert_eq!(
            created_tables("op.execute('CREATE TABLE IF NOT EXISTS a (id int)')"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_downgrade_is_told_by_its_body() {
        let file = |down: &str| format!("def upgrade():\n    op.execute('x')\n\n\n{down}");
        let cases = [
            ("def downgrade():\n    op.execute('y')\n", Downgrade::Works),
            ("def downgrade():\n    pass\n", Downgrade::Nothing),
            ("def downgrade(): pass\n", Downgrade::Nothing),
            ("def downgrade() -> None:\n    \"\"\"Stays.\"\"\"\n    # why\n    pass\n", Downgrade::Nothing),
            (
                "def downgrade():\n    \"\"\"Long\n    words.\n    \"\"\"\n    op.drop_table('a')\n",
                Downgrade::Works,
            ),
            ("def downgrade():\n    raise NotImplementedError('no way back')\n", Downgrade::Refuses),
            ("", Downgrade::Refuses),
        ];
        for (down, expected) in cases {
            assert_eq!(downgrade(&file(down)), expected, "{down}");
        }
        // A merge does nothing in either direction.
        assert_eq!(downgrade("def upgrade():\n    pass\n\ndef downgrade():\n    pass\n"), Downgrade::Works);
    }

    #[test]
    fn a_file_that_commits_is_recognised() {
        assert!(commits_on_its_own("with op.get_context().autocommit_block():"));
        assert!(commits_on_its_own("op.execute('COMMIT')"));
        assert!(!commits_on_its_own("op.create_table('area')"));
    }
}
