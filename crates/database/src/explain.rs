//! What to do about an error that Alembic ended with. Pure: from PostgreSQL's or Alembic's words to a hint.

/// The extensions that a missing type, function or operator class belongs to.
const OWNERS: [(&str, &str); 17] = [
    ("\"geometry\"", "postgis"),
    ("\"geography\"", "postgis"),
    ("\"raster\"", "postgis_raster"),
    ("\"topogeometry\"", "postgis_topology"),
    ("st_", "postgis"),
    ("\"citext\"", "citext"),
    ("\"hstore\"", "hstore"),
    ("\"ltree\"", "ltree"),
    ("\"vector\"", "vector"),
    ("uuid_generate_v", "uuid-ossp"),
    ("gen_random_uuid", "pgcrypto"),
    ("_trgm_ops", "pg_trgm"),
    ("similarity(", "pg_trgm"),
    ("unaccent", "unaccent"),
    ("crypt(", "pgcrypto"),
    ("digest(", "pgcrypto"),
    ("gen_salt(", "pgcrypto"),
];

/// The SQLSTATE behind a driver's error text, where the driver gave none.
pub(crate) fn sqlstate_of(text: &str) -> Option<&'static str> {
    let known = [
        ("due to lock timeout", "55P03"),
        ("deadlock detected", "40P01"),
        ("could not serialize access", "40001"),
        ("due to statement timeout", "57014"),
        ("UniqueViolation", "23505"),
        ("DuplicateTable", "42P07"),
        ("DuplicateColumn", "42701"),
        ("DuplicateObject", "42710"),
        ("UndefinedObject", "42704"),
        ("UndefinedFunction", "42883"),
        ("InsufficientPrivilege", "42501"),
        ("AdminShutdown", "57P01"),
    ];
    known.iter().find(|(words, _)| text.contains(words)).map(|(_, sqlstate)| *sqlstate)
}

/// Whether trying again may help: the failure came from other sessions.
pub(crate) fn is_transient(sqlstate: &str) -> bool {
    matches!(sqlstate, "55P03" | "40P01" | "40001")
}

/// What to do next.
pub(crate) fn hint(sqlstate: Option<&str>, text: &str) -> String {
    let sqlstate = sqlstate.or_else(|| sqlstate_of(text)).unwrap_or_default();
    if matches!(sqlstate, "42704" | "42883") || text.contains("does not exist") {
        let lower = text.to_ascii_lowercase();
        if let Some((_, extension)) = OWNERS.iter().find(|(sign, _)| lower.contains(sign)) {
            return format!(
                "it belongs to the extension {extension}: name it (x-tidegate: gate: extensions: [{extension}], or \
                 --extensions {extension}), and Tidegate creates it before the migration"
            );
        }
    }
    by_sqlstate(sqlstate, text).unwrap_or_else(|| by_words(text)).to_owned()
}

fn by_sqlstate(sqlstate: &str, text: &str) -> Option<&'static str> {
    Some(match sqlstate {
        "42P07" | "42701" | "42710" | "42723" | "42P06" => {
            "the schema is ahead of the version table: something created it without Alembic, or a revision was half \
             applied. Compare the schema with the revision; if all of it is there, `alembic stamp REVISION` records \
             that, otherwise drop what is half done. Tidegate never takes \"already exists\" for success"
        }
        "55P03" => {
            "another session held a lock for too long: find it in pg_stat_activity (an idle transaction, a backup), \
             or give Alembic longer with --lock-timeout"
        }
        "57014" => "a statement took longer than --statement-timeout allows",
        "40P01" | "40001" => "other sessions were in the way; run the same command again",
        "42501" => "the role lacks a right: let the owner of the object run the migration, or grant it",
        "22001" if text.contains("alembic_version") || text.contains("character varying(32)") => {
            "the version table holds 32 characters: shorten the revision's id"
        }
        "23505" if text.contains("pg_type_typname_nsp_index") || text.contains("pg_class_relname") => {
            "another process creates the same objects at this moment and does not take Tidegate's lock: let every \
             migration go through `tidegate migrate`"
        }
        "25006" => "the session is read-only: connect to the primary",
        "53100" => "the server's disk is full",
        "57P01" | "57P03" => "the server ended the session; once it is back, run the same command again",
        _ => return None,
    })
}

fn by_words(text: &str) -> &'static str {
    if text.contains("overlaps with other requested revisions") {
        "the rows of the version table name an ancestor and its descendant"
    } else if text.contains("Can't locate revision") {
        "the version table names a revision that this image does not have: deploy the image that has it"
    } else if text.contains("Multiple head revisions") {
        "ask for `heads`, or join them with `alembic merge heads`"
    } else if text.contains("sqlalchemy.dialects:postgres") {
        "SQLAlchemy wants postgresql:// at the start of the URL, not postgres://"
    } else if text.contains("No module named") || text.contains("ModuleNotFoundError") {
        "the image lacks a Python package, or the working directory is not the project's"
    } else if text.contains("pg_hba.conf") || text.contains("password authentication failed") {
        "Alembic logs in with other settings than Tidegate: compare sqlalchemy.url or env.py with DATABASE_URL"
    } else {
        ""
    }
}

/// The line of Alembic's output that names the failure: its own `FAILED:`, Flask-Migrate's `Error:`, or the last
/// line of a Python traceback.
pub(crate) fn culprit<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let said = |line: &&&str| line.contains("FAILED:") || line.contains("[flask_migrate] Error:");
    let traceback = |line: &&&str| {
        let name = line.split([':', ' ', '(']).next().unwrap_or_default();
        let last = name.rsplit('.').next().unwrap_or_default();
        !name.is_empty()
            && !line.starts_with(' ')
            && (name.contains('.') || line.contains(": "))
            && ["Error", "Exception", "Exit", "Violation", "NotAvailable"]
                .iter()
                .any(|end| last.ends_with(end))
    };
    // Of chained exceptions the last is what the project's own code saw.
    lines.iter().rev().find(said).or_else(|| lines.iter().rev().find(traceback)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_type_points_at_its_extension() {
        let cases = [
            ("type \"geometry\" does not exist", "postgis"),
            ("function uuid_generate_v4() does not exist", "uuid-ossp"),
            ("operator class \"gin_trgm_ops\" does not exist for access method \"gin\"", "pg_trgm"),
            ("function st_makepoint(double precision) does not exist", "postgis"),
        ];
        for (text, extension) in cases {
            assert!(hint(Some("42704"), text).contains(&format!("extension {extension}:")), "{text}");
        }
    }

    #[test]
    fn what_already_exists_is_a_failure_with_a_diagnosis() {
        let text = "(psycopg2.errors.DuplicateTable) relation \"area\" already exists";
        assert!(hint(None, text).starts_with("the schema is ahead of the version table"));
        assert!(!is_transient("42P07"));
    }

    #[test]
    fn the_culprit_is_the_line_that_names_the_failure() {
        let alembic = ["INFO  [alembic] Context", "FAILED: Multiple head revisions are present", "  hint"];
        assert_eq!(culprit(&alembic), Some(alembic[1]));
        let traceback = [
            "psycopg2.errors.LockNotAvailable: canceling statement due to lock timeout",
            "",
            "The above exception was the direct cause of the following exception:",
            "  File \"x.py\", line 1",
            "sqlalchemy.exc.OperationalError: (psycopg2.errors.LockNotAvailable) canceling statement",
            "[SQL: ALTER TABLE area ADD COLUMN x int]",
            "(Background on this error at: https://sqlalche.me/e/20/e3q8)",
        ];
        assert_eq!(culprit(&traceback), Some(traceback[4]));
        assert_eq!(culprit(&["all", "is well"]), None);
    }
}
