//! Signs in one SQL text. A tokenizer is enough: words, quoted names, symbols; comments and string constants are
//! skipped.

use super::signs::{FUNCTIONS, OPERATOR_CLASSES, POSTGIS_PREFIX, TYPES, WRAPPERS};

/// Words that stand before a column's name rather than before its type.
const BEFORE_A_NAME: [&str; 27] = [
    "add",
    "column",
    "table",
    "index",
    "on",
    "drop",
    "by",
    "and",
    "or",
    "not",
    "select",
    "from",
    "where",
    "set",
    "update",
    "into",
    "using",
    "key",
    "rename",
    "to",
    "distinct",
    "exists",
    "join",
    "only",
    "view",
    "default",
    "constraint",
];

/// Words that stand before a type.
const BEFORE_A_TYPE: [&str; 4] = ["type", "as", "returns", "setof"];

/// Words without which a text is not taken for SQL that declares types.
const DECLARES: [&str; 3] = ["create", "alter", "cast"];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A word, in lower case.
    Word(String),
    /// A name in double quotes, without them.
    Quoted(String),
    /// `::`.
    Cast,
    Symbol(char),
}

/// What a text shows: the extension, the word, and whether it is created here.
pub(super) fn signs(text: &str) -> Vec<(String, String, bool)> {
    let tokens = tokens(text);
    let declares =
        tokens.iter().any(|token| matches!(token, Token::Word(word) if DECLARES.contains(&word.as_str())));
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        let called = tokens.get(at + 1) == Some(&Token::Symbol('('));
        if word == "extension" && before == Some(&Token::Word("create".to_owned())) {
            found.extend(created(&tokens[at + 1..]).map(|name| (name, "CREATE EXTENSION".to_owned(), true)));
        } else if let Some(extension) = lookup(&OPERATOR_CLASSES, word) {
            found.push((extension, word.clone(), false));
        } else if let Some(extension) = lookup(&FUNCTIONS, word).filter(|_| called) {
            found.push((extension, word.clone(), false));
        } else if called && word.starts_with(POSTGIS_PREFIX) {
            found.push(("postgis".to_owned(), word.clone(), false));
        } else if WRAPPERS.contains(&word.as_str()) && before == Some(&Token::Word("wrapper".to_owned())) {
            found.push((word.clone(), word.clone(), false));
        } else if let Some(extension) = lookup(&TYPES, word)
            && is_type(before, declares)
        {
            found.push((extension, word.clone(), false));
        }
    }
    found
}

fn lookup(names: &[(&str, &str)], word: &str) -> Option<String> {
    names.iter().find(|(name, _)| *name == word).map(|(_, extension)| (*extension).to_owned())
}

/// Whether a word is in the place of a type: after a cast, after a word that asks for one, after a column's name.
fn is_type(before: Option<&Token>, declares: bool) -> bool {
    match before {
        Some(Token::Cast) => true,
        Some(Token::Quoted(_)) => declares,
        Some(Token::Word(word)) => {
            declares && (BEFORE_A_TYPE.contains(&word.as_str()) || !BEFORE_A_NAME.contains(&word.as_str()))
        }
        Some(Token::Symbol(_)) | None => false,
    }
}

/// The name in CREATE EXTENSION [IF NOT EXISTS] name.
fn created(after: &[Token]) -> Option<String> {
    let skipped = |token: &&Token| matches!(token, Token::Word(word) if ["if", "not", "exists"].contains(&word.as_str()));
    match after.iter().find(|token| !skipped(token))? {
        Token::Word(name) | Token::Quoted(name) => Some(name.clone()),
        Token::Cast | Token::Symbol(_) => None,
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            '\'' => end_of_quotes(rest, '\''),
            '"' => {
                let end = end_of_quotes(rest, '"');
                tokens.push(Token::Quoted(rest[1..end].trim_end_matches('"').to_owned()));
                end
            }
            ':' if rest.starts_with("::") => {
                tokens.push(Token::Cast);
                2
            }
            c if c.is_alphanumeric() || c == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_lowercase()));
                end
            }
            c if c.is_whitespace() => c.len_utf8(),
            c => {
                tokens.push(Token::Symbol(c));
                c.len_utf8()
            }
        };
        rest = &rest[end..];
    }
    tokens
}

fn end_of_quotes(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(text.len(), |at| at + 2)
}

#[cfg(test)]
mod tests {
    use super::signs;

    fn found(sql: &str) -> Vec<(String, bool)> {
        signs(sql).into_iter().map(|(extension, _, creates)| (extension, creates)).collect()
    }

    #[test]
    fn types_functions_and_operator_classes_are_recognised_where_they_stand() {
        let cases = [
            ("ALTER TABLE a ADD COLUMN shape geometry(Point, 4326)", "postgis"),
            ("ALTER TABLE a ALTER COLUMN \"name\" TYPE citext", "citext"),
            ("CREATE TABLE t (id int, attributes hstore NOT NULL)", "hstore"),
            ("SELECT 'x'::ltree", "ltree"),
            ("CAST(a AS vector)", "vector"),
            ("uuid_generate_v4()", "uuid-ossp"),
            ("UPDATE t SET c = ST_Centroid(shape)", "postgis"),
            ("gin_trgm_ops", "pg_trgm"),
            ("CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw", "postgres_fdw"),
        ];
        for (sql, extension) in cases {
            assert_eq!(found(sql), [(extension.to_owned(), false)], "{sql}");
        }
    }

    #[test]
    fn columns_comments_and_texts_that_share_a_name_are_not_taken_for_a_use() {
        for sql in [
            "ALTER TABLE a ADD COLUMN geometry text",
            "ALTER TABLE a DROP COLUMN vector",
            "CREATE TABLE geometry (id int)",
            "-- ALTER TABLE a ADD b geometry",
            "/* a::hstore */ SELECT 1",
            "SELECT 'create x citext'",
            "geometry",
            "a vector of numbers",
            "CREATE INDEX i ON t (similarity)",
        ] {
            assert_eq!(found(sql), [], "{sql}");
        }
    }

    #[test]
    fn what_the_history_creates_itself_is_told_apart() {
        assert_eq!(found("CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\""), [("uuid-ossp".to_owned(), true)]);
        assert_eq!(found("create extension postgis with schema x"), [("postgis".to_owned(), true)]);
        assert_eq!(found("DROP EXTENSION postgis"), []);
    }
}
