//! The live schema, copied with PostgreSQL's own programs: roles, the schema without data, and the rows that say where the
//! database is. Reads only.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use database::settings::{Settings, TlsMode};
use tokio::process::Command;
use tokio::time::timeout;

use crate::locks::Size;

/// How long one program may take.
const LIMIT: Duration = Duration::from_mins(5);

/// What is copied.
#[derive(Clone, Debug)]
pub(crate) struct LiveSchema {
    /// `CREATE ROLE` and the like, without passwords.
    pub(crate) roles: String,
    /// The schema.
    pub(crate) schema: String,
    /// The rows of the version table and of Tidegate's own schema.
    pub(crate) rows: String,
    /// Those of the version table.
    pub(crate) version_rows: Vec<String>,
    /// The tables' sizes.
    pub(crate) sizes: Vec<(String, Size)>,
}

/// Why the schema could not be copied.
#[derive(Debug, thiserror::Error)]
#[error("the live schema cannot be copied: {0}")]
pub struct SchemaError(pub(crate) String);

impl SchemaError {
    /// What to do next.
    pub const HINT: &str = "the database is the one that TIDEGATE_DATABASE_URL, DATABASE_URL or the PG* variables of this \
                            process name; pg_dump must be at least as new as its server. Without --live-schema the schema is \
                            made from the revision files";
}

/// Copies the schema of the database that the settings name. `version_table` is where Alembic keeps its rows.
pub(crate) async fn copy(
    settings: &Settings,
    programs: &Path,
    version_table: &str,
) -> Result<LiveSchema, SchemaError> {
    let client = Client { settings, programs: programs.to_owned() };
    let roles =
        client.output("pg_dumpall", &["--roles-only", "--no-role-passwords"]).await.map_err(SchemaError)?;
    let schema = client.output("pg_dump", &["--schema-only"]).await.map_err(SchemaError)?;
    let table = format!("--table={version_table}");
    let arguments = ["--data-only", table.as_str(), "--table=tidegate.*"];
    // A database that has neither yet is not an error.
    let rows = match client.output("pg_dump", &arguments).await {
        Err(error) if error.contains("no matching tables") => String::new(),
        rows => rows.map_err(SchemaError)?,
    };
    let query = "SELECT oid::regclass::text || E'\\t' || greatest(reltuples, 0)::bigint || E'\\t' || \
                 pg_total_relation_size(oid) FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace <> 'pg_catalog'::regnamespace";
    let sizes = client.output("psql", &["-X", "-A", "-t", "-c", query]).await.map_err(SchemaError)?;
    let version_rows = version_rows(&rows);
    Ok(LiveSchema { roles, schema, rows, version_rows, sizes: sizes.lines().filter_map(size).collect() })
}

/// The rows of the version table in a dump: the one table with Alembic's one column.
fn version_rows(dump: &str) -> Vec<String> {
    let mut lines = dump.lines().skip_while(|line| !line.contains(" (version_num) FROM stdin;"));
    lines.next();
    lines.take_while(|line| *line != "\\.").map(str::to_owned).collect()
}

fn size(line: &str) -> Option<(String, Size)> {
    let mut fields = line.split('\t');
    let name = fields.next()?.to_owned();
    Some((name, Size { rows: fields.next()?.parse().ok()?, bytes: fields.next()?.parse().ok()? }))
}

struct Client<'a> {
    settings: &'a Settings,
    programs: PathBuf,
}

impl Client<'_> {
    /// What a program of PostgreSQL's writes about the live database. The password goes through the environment, never
    /// through an argument.
    async fn output(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        self.settings.give_to(command.as_std_mut());
        command.env("PGAPPNAME", "tidegate rehearse").env("PGCONNECT_TIMEOUT", "10");
        // No lock of a migration that runs just now is waited for without end.
        command.env("PGOPTIONS", "-c lock_timeout=10s -c default_transaction_read_only=on");
        let output = match timeout(LIMIT, command.output()).await {
            Ok(output) => output.map_err(|error| format!("{program} does not start: {error}"))?,
            Err(_) => return Err(format!("{program} did not end within {LIMIT:?}")),
        };
        if output.status.success() {
            return String::from_utf8(output.stdout)
                .map_err(|_| format!("{program} wrote something that is not UTF-8"));
        }
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let errors = self.settings.redact(&errors);
        // The first line that says what is wrong; what follows it is advice.
        let said = errors.lines().find(|line| line.contains("error: ")).or_else(|| errors.lines().next());
        let said = said.unwrap_or("it failed without a word").trim();
        Err(said.strip_prefix(program).map_or_else(|| format!("{program}: {said}"), |_| said.to_owned()))
    }
}

/// Whether a session must be encrypted, which a throwaway server cannot do.
pub(crate) fn wants_encryption(settings: &Settings) -> bool {
    !matches!(settings.tls.mode, TlsMode::Disable | TlsMode::Prefer)
}

#[cfg(test)]
mod tests {
    use super::version_rows;

    #[test]
    fn the_version_tables_rows_are_found_in_a_dump() {
        let dump = "SET x = 1;\n\nCOPY tidegate.runs (id) FROM stdin;\n1\n\\.\n\nCOPY public.alembic_version (version_num) FROM \
                    stdin;\na1\nb2\n\\.\n\n--\n";
        assert_eq!(version_rows(dump), ["a1", "b2"]);
        assert_eq!(version_rows("--\n"), [""; 0]);
    }
}
