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
    fn a_file_that_commits_is_recognised() {
        assert!(commits_on_its_own("with op.get_context().autocommit_block():"));
        assert!(commits_on_its_own("op.execute('COMMIT')"));
        assert!(!commits_on_its_own("op.create_table('area')"));
    }
}
