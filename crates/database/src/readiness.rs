//! Waiting for the database: what may pass by itself is waited for within a bound, what cannot is refused at once.

use std::error::Error as _;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::backoff::Backoff;
use crate::connect::{ConnectError, Connection, describe};
use crate::error::MigrateError;
use crate::event::Event;
use crate::settings::Settings;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a failed attempt to connect means.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It may work in a moment.
    NotReady(String),
    /// It will not work until a person changes something.
    Refused {
        /// What happened.
        reason: String,
        /// What to do.
        hint: String,
    },
}

/// Connects, waiting up to `limit` for a database that is not ready yet.
pub(crate) async fn wait(
    settings: &Settings,
    application_name: &str,
    options: Option<&str>,
    limit: Duration,
    on_event: &mut dyn FnMut(Event),
) -> Result<Connection, MigrateError> {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, limit);
    let mut said = String::new();
    loop {
        let error = match Connection::open(settings, application_name, options).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        let reason = match judge(&error, settings) {
            Verdict::Refused { reason, hint } => {
                let reason = settings.redact(&reason);
                return Err(MigrateError::DatabaseRefused { place: settings.place(), reason, hint });
            }
            Verdict::NotReady(reason) => reason,
        };
        if said != reason {
            said.clone_from(&reason);
            on_event(Event::Waiting { what: settings.place(), reason: reason.clone(), limit });
        }
        let Some(pause) = backoff.pause() else {
            return Err(MigrateError::NotReady { place: settings.place(), limit, reason });
        };
        tokio::time::sleep(pause).await;
    }
}

fn judge(error: &ConnectError, settings: &Settings) -> Verdict {
    let error = match error {
        ConnectError::Tls(error) => {
            return Verdict::Refused {
                reason: error.to_string(),
                hint: "correct sslrootcert, sslcert and sslkey".to_owned(),
            };
        }
        ConnectError::Server(error) => error,
    };
    if let Some(server) = error.as_db_error() {
        return judge_server(server.code(), server.message(), settings);
    }
    let reason = describe(error);
    let text = reason.to_ascii_lowercase();
    let refused = |hint: &str| Verdict::Refused { reason: reason.clone(), hint: hint.to_owned() };
    if text.contains("does not support tls") {
        return refused(
            "turn SSL on in the server, or set sslmode=disable if the network between is trusted",
        );
    }
    if caused_by_certificate(error) {
        return refused(
            "sslmode asks for a certificate that can be verified: give the CA that signed it as sslrootcert, and \
             connect by a name that is in it",
        );
    }
    if text.contains("password missing") {
        return refused(&format!(
            "{} has no password: add it, or set PGPASSWORD or PGPASSWORD_FILE",
            settings.source
        ));
    }
    if text.contains("authentication error") || text.contains("invalid configuration") {
        return refused("check the user, the password and the server's pg_hba.conf");
    }
    // Refused, unreachable, no such host, reset, closed, timed out: a server that is starting shows all of these.
    Verdict::NotReady(reason)
}

fn judge_server(code: &SqlState, message: &str, settings: &Settings) -> Verdict {
    let reason = format!("{message} (SQLSTATE {})", code.code());
    let Settings { user, database, source, .. } = settings;
    let hint = match code.code() {
        // cannot_connect_now, shutdowns, too many connections, connection failures behind a pooler.
        "57P03" | "57P01" | "57P02" | "53300" | "08000" | "08003" | "08006" => {
            return Verdict::NotReady(reason);
        }
        "08P01" if message.contains("startup parameter") => {
            "a connection pooler is in between: point Tidegate and Alembic at PostgreSQL itself. A PgBouncer in session \
             mode works too, with ignore_startup_parameters = options, or here with --lock-timeout 0"
                .to_owned()
        }
        "08P01" => return Verdict::NotReady(reason),
        "28P01" => format!(
            "the password in {source} is not the one of role {user}. A database volume keeps the password of its \
             first start: POSTGRES_PASSWORD is not read again. Use the first password, or as a superuser: \
             ALTER ROLE \"{user}\" PASSWORD '...'"
        ),
        "28000" if message.contains("no encryption") => {
            "the server wants encryption: set sslmode=require".to_owned()
        }
        "28000" => format!(
            "role {user} may not log in like this. A database volume keeps the roles of its first start: \
             POSTGRES_USER is not read again. Create the role, or allow it in pg_hba.conf"
        ),
        "3D000" => format!(
            "create it once: CREATE DATABASE \"{database}\". A database volume keeps the databases of its first \
             start: POSTGRES_DB is not read again"
        ),
        "42501" => format!("as its owner: GRANT CONNECT ON DATABASE \"{database}\" TO \"{user}\""),
        _ => format!("check {source} and the server's log"),
    };
    Verdict::Refused { reason, hint }
}

/// Whether a certificate was refused, by us or by the server: time does not change that.
fn caused_by_certificate(error: &tokio_postgres::Error) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        let rustls = inner
            .downcast_ref::<rustls::Error>()
            .or_else(|| inner.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>());
        if rustls.is_some() {
            return true;
        }
        source = inner.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Variables, resolve};

    fn settings() -> Settings {
        resolve(&Variables::of([("DATABASE_URL", "postgresql://app:x@db/shop")]), None).unwrap()
    }

    #[test]
    fn what_time_cannot_heal_is_refused_with_its_remedy() {
        let cases = [
            (SqlState::INVALID_PASSWORD, "A database volume keeps the password of its first start"),
            (SqlState::INVALID_CATALOG_NAME, "CREATE DATABASE \"shop\""),
            (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "POSTGRES_USER is not read again"),
            (SqlState::INSUFFICIENT_PRIVILEGE, "GRANT CONNECT ON DATABASE \"shop\" TO \"app\""),
        ];
        for (code, remedy) in cases {
            match judge_server(&code, "no", &settings()) {
                Verdict::Refused { hint, .. } => assert!(hint.contains(remedy), "{hint}"),
                Verdict::NotReady(reason) => panic!("{reason} would be waited for"),
            }
        }
    }

    #[test]
    fn what_passes_by_itself_is_waited_for() {
        for code in [SqlState::CANNOT_CONNECT_NOW, SqlState::ADMIN_SHUTDOWN, SqlState::TOO_MANY_CONNECTIONS] {
            let verdict = judge_server(&code, "the database system is starting up", &settings());
            assert!(matches!(verdict, Verdict::NotReady(_)), "{code:?}");
        }
    }
}
