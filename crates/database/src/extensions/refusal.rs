//! Why an extension cannot be had: one explanation for each refusal of PostgreSQL, with the SQL that ends it. Pure.

use std::fmt;

use crate::query::identifier;

/// An extension that the migration needs and cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The extension.
    pub extension: String,
    /// Why it is needed: `named by configuration`, or the place in a revision file that uses it.
    pub needed: String,
    /// What stands in the way.
    pub cause: Cause,
}

/// What stands in the way, as PostgreSQL shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// 0A000 or 58P01 at CREATE EXTENSION: the server has no files of it.
    NotOnServer,
    /// 58P01 at its first use: the database says it is installed, but its library is gone.
    LibraryGone {
        /// The server's words.
        reason: String,
    },
    /// 42501: the role may not create it.
    NoRight {
        /// The role.
        role: String,
        /// The database.
        database: String,
        /// The server's words.
        reason: String,
    },
    /// 42501 at ALTER EXTENSION ... UPDATE.
    NotOwner {
        /// The server's words.
        reason: String,
    },
    /// It is installed in a schema that unqualified names do not reach.
    OffSearchPath {
        /// Where it is.
        schema: String,
        /// Where names are looked up.
        search_path: String,
        /// The database.
        database: String,
        /// Whether it can be moved.
        relocatable: bool,
    },
    /// It is installed in another schema than the one asked for.
    OtherSchema {
        /// Where it is.
        schema: String,
        /// Where it should be.
        wanted: String,
        /// Whether it can be moved.
        relocatable: bool,
    },
    /// 42704: it builds on another extension that is not there.
    Requires {
        /// The server's words, which name it.
        reason: String,
    },
    /// 25006: this server is a standby or the session is read-only.
    ReadOnly,
    /// 42P07 or 42710: its objects are there without it, as after restoring a dump.
    ObjectsInTheWay {
        /// The server's words, which name the object.
        reason: String,
    },
    /// 3F000: the schema asked for does not exist.
    NoSchema {
        /// The schema.
        schema: String,
    },
    /// Anything else.
    Other {
        /// The server's words and SQLSTATE.
        reason: String,
    },
}

/// What is known about the session in which CREATE EXTENSION was refused.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) role: String,
    pub(crate) database: String,
}

/// The cause behind a failed CREATE EXTENSION.
pub(crate) fn cause(sqlstate: &str, message: &str, schema: Option<&str>, session: &Session) -> Cause {
    match sqlstate {
        "0A000" | "58P01" | "22023" if message.contains("not available") || sqlstate == "58P01" => {
            Cause::NotOnServer
        }
        "42501" => Cause::NoRight {
            role: session.role.clone(),
            database: session.database.clone(),
            reason: message.to_owned(),
        },
        "42704" => Cause::Requires { reason: message.to_owned() },
        "25006" => Cause::ReadOnly,
        "42P07" | "42710" | "42723" | "42P06" => Cause::ObjectsInTheWay { reason: message.to_owned() },
        "3F000" => Cause::NoSchema { schema: schema.unwrap_or_default().to_owned() },
        _ => Cause::Other { reason: format!("{message} (SQLSTATE {sqlstate})") },
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { extension, needed, cause } = self;
        write!(f, "the extension {extension} ({needed}) ")?;
        match cause {
            Cause::NotOnServer => f.write_str("is not installed on the database server"),
            Cause::LibraryGone { reason } => {
                write!(f, "is recorded in the database, but the server's files of it are gone: {reason}")
            }
            Cause::NoRight { role, reason, .. } => {
                write!(f, "is missing, and role {role} may not create it: {reason}")
            }
            Cause::NotOwner { reason } => {
                write!(f, "is behind the server's version and cannot be updated: {reason}")
            }
            Cause::OffSearchPath { schema, search_path, .. } => {
                write!(f, "is in schema {schema}, which the search_path ({search_path}) does not reach")
            }
            Cause::OtherSchema { schema, wanted, .. } => {
                write!(f, "is in schema {schema}, but configuration asks for schema {wanted}")
            }
            Cause::Requires { reason } => write!(f, "builds on something that is missing: {reason}"),
            Cause::ReadOnly => f.write_str("is missing, and this server is read-only: a standby, or set so"),
            Cause::ObjectsInTheWay { reason } => {
                write!(
                    f,
                    "is missing, but objects of its name are there, as after restoring a dump: {reason}"
                )
            }
            Cause::NoSchema { schema } => {
                write!(f, "cannot be created: schema {schema} does not exist")
            }
            Cause::Other { reason } => write!(f, "cannot be created: {reason}"),
        }
    }
}

impl Refusal {
    /// What to do, with the SQL for whoever may run it.
    pub fn hint(&self) -> String {
        let name = identifier(&self.extension);
        match &self.cause {
            Cause::NotOnServer => format!(
                "run a database image that has it{}; the data stays in the volume. Without root: \
                 ask the provider which extensions the server offers (SELECT name FROM pg_available_extensions)",
                image(&self.extension)
            ),
            Cause::LibraryGone { .. } => format!(
                "the database was once served by another image: go back to the one with the extension{}",
                image(&self.extension)
            ),
            Cause::NoRight { role, database, .. } => format!(
                "run once as a superuser in database {database}: CREATE EXTENSION IF NOT EXISTS {name}; -- role \
                 {role} needs no further right afterwards"
            ),
            Cause::NotOwner { .. } => format!(
                "run once as its owner or a superuser: ALTER EXTENSION {name} UPDATE; -- or leave out --update-extensions: \
                 the older version works"
            ),
            Cause::OffSearchPath { schema, search_path, database, relocatable } => {
                let reach = format!(
                    "ALTER DATABASE {} SET search_path TO {search_path}, {};",
                    identifier(database),
                    identifier(schema)
                );
                let own = format!("if the code names the schema itself, write the extension as {}@{schema}", self.extension);
                format!("{reach} -- {}or, {own}", self.or_move("public", *relocatable))
            }
            Cause::OtherSchema { wanted, schema, relocatable: true } => format!(
                "as its owner: ALTER EXTENSION {name} SET SCHEMA {}; -- or write {}@{schema}",
                identifier(wanted),
                self.extension
            ),
            Cause::OtherSchema { schema, .. } => {
                format!("it cannot be moved once it is created: write {}@{schema}", self.extension)
            }
            Cause::Requires { .. } => {
                format!("name that one too, or run as a superuser: CREATE EXTENSION {name} CASCADE;")
            }
            Cause::ReadOnly => {
                "connect to the primary; of several hosts in the URL, Tidegate takes the one that allows writes".to_owned()
            }
            Cause::ObjectsInTheWay { .. } => format!(
                "look at that object; if it is a leftover, drop or rename it, then as a superuser: CREATE EXTENSION \
                 {name};"
            ),
            Cause::NoSchema { schema } => {
                format!("CREATE SCHEMA {};", identifier(schema))
            }
            Cause::Other { .. } => format!("try it by hand as a superuser: CREATE EXTENSION {name};"),
        }
    }
}

impl Refusal {
    fn or_move(&self, schema: &str, relocatable: bool) -> String {
        if !relocatable {
            return String::new();
        }
        format!("or move it: ALTER EXTENSION {} SET SCHEMA {schema}; ", identifier(&self.extension))
    }
}

/// Where the files of well-known extensions are.
fn image(extension: &str) -> &'static str {
    match extension {
        name if name.starts_with("postgis") || name == "address_standardizer" => {
            " (postgis/postgis of the same major version, or the package postgresql-NN-postgis-3)"
        }
        "vector" => " (pgvector/pgvector of the same major version, or the package postgresql-NN-pgvector)",
        "timescaledb" => " (timescale/timescaledb of the same major version)",
        "citext" | "hstore" | "uuid-ossp" | "pg_trgm" | "btree_gist" | "btree_gin" | "unaccent"
        | "pgcrypto" | "ltree" | "intarray" | "fuzzystrmatch" | "tablefunc" | "cube" | "earthdistance" => {
            " (it belongs to PostgreSQL's contrib modules, which the official images have)"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_postgresql_has_its_own_explanation_and_remedy() {
        let session = Session { role: "app".to_owned(), database: "shop".to_owned() };
        let refused = [
            ("0A000", "extension \"postgis\" is not available"),
            ("58P01", "could not open extension control file"),
            ("42501", "permission denied to create extension \"postgis\""),
            ("42704", "required extension \"postgis\" is not installed"),
            ("25006", "cannot execute CREATE EXTENSION in a read-only transaction"),
            ("42P07", "relation \"topology\" already exists"),
            ("3F000", "schema \"gis\" does not exist"),
            ("XX000", "something else"),
        ];
        let mut causes: Vec<Cause> =
            refused.iter().map(|(code, message)| cause(code, message, Some("gis"), &session)).collect();
        causes.push(Cause::LibraryGone { reason: "could not access file \"$libdir/postgis-3\"".to_owned() });
        causes.push(Cause::NotOwner { reason: "must be owner of extension postgis".to_owned() });
        causes.push(Cause::OffSearchPath {
            schema: "gis".to_owned(),
            search_path: "\"$user\", public".to_owned(),
            database: "shop".to_owned(),
            relocatable: true,
        });
        for relocatable in [true, false] {
            let (schema, wanted) = ("public".to_owned(), "gis".to_owned());
            causes.push(Cause::OtherSchema { schema, wanted, relocatable });
        }
        let text: Vec<String> = causes
            .into_iter()
            .map(|cause| {
                let needed = "named by configuration".to_owned();
                let refusal = Refusal { extension: "postgis".to_owned(), needed, cause };
                format!("{refusal}\n  {}", refusal.hint())
            })
            .collect();
        insta::assert_snapshot!(text.join("\n\n"));
    }
}
