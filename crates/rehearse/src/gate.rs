//! What the simulated gate does: its command runs against a throwaway server, or, where nothing can be run, the revision files
//! tell what it would do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use database::settings::{self, Settings, Variables};
use revisions::{Config, Setting};
use serde_json::Value;
use sim::{Behaviour, Start};
use stackfile::Desired;

use crate::migrate::{Ended, Migration, arguments};
use crate::predict;
use crate::report::{Basis, DatabasePart};
use crate::sandbox::Sandbox;
use crate::schema::{LiveSchema, wants_encryption};
use crate::throwaway::Throwaway;

/// The variable that marks a one-shot of Tidegate's own: a gate, or a check's command.
const RUN: &str = "TIDEGATE_RUN";

/// What is known for the gates of one rehearsal.
pub(crate) struct Gates {
    /// This program.
    pub(crate) program: PathBuf,
    /// The folder of Alembic's configuration.
    pub(crate) project: PathBuf,
    /// The folder of PostgreSQL's programs, or why migrations are only read.
    pub(crate) server: Result<PathBuf, String>,
    /// The live schema, if it was copied.
    pub(crate) schema: Option<LiveSchema>,
    /// The release in force and the rows that it left, if they are known.
    pub(crate) left: Option<(u64, Vec<String>)>,
    /// The secrets' contents by their names in the stack file's bodies.
    pub(crate) secrets: BTreeMap<String, Vec<u8>>,
    /// The gates' secrets by full service name: file name and secret.
    pub(crate) mounted: BTreeMap<String, Vec<(String, String)>>,
    /// What was found.
    pub(crate) found: Mutex<Found>,
}

/// What the gates found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// About the database.
    pub(crate) database: Option<DatabasePart>,
    /// What was taken for granted.
    pub(crate) assumed: Vec<String>,
}

impl Gates {
    /// What a task does, if it is one of Tidegate's one-shots.
    pub(crate) fn stand_in(&self, start: &Start) -> Option<Behaviour> {
        start.environment.get(RUN)?;
        if !deploy::runs_tidegate_migrate(&start.command) {
            self.assume(format!("{} succeeds: it does not run `tidegate migrate`", start.service));
            return Some(Behaviour::exits_after(Duration::ZERO, 0));
        }
        let (code, took, lines) = self.migrate(start);
        let mut behaviour = Behaviour::exits_after(took, code);
        for (after, line) in lines {
            behaviour = behaviour.says(after, line);
        }
        Some(behaviour)
    }

    fn assume(&self, what: String) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).assumed.push(what);
    }

    /// The gate's exit code, how long it takes, and its lines.
    fn migrate(&self, start: &Start) -> (i64, Duration, Vec<(Duration, String)>) {
        let arguments = arguments(&start.command).unwrap_or_else(|| {
            self.assume(format!(
                "`tidegate migrate` has no arguments in the shell line of {}",
                start.service
            ));
            vec!["migrate".to_owned()]
        });
        if start.environment.get("TIDEGATE_HOOKS").is_some_and(|hooks| hooks != "[]") {
            self.assume("the hooks after the migration succeed: a rehearsal does not run them".to_owned());
        }
        let begun = Instant::now();
        let ran = match &self.server {
            Ok(programs) => self.run_apart(start, &arguments, programs),
            Err(why) => Err(why.clone()),
        };
        // What this machine cannot do says nothing of the one that the gate will run on.
        let ran = ran.and_then(|(ended, not_copied)| match ended.only_here(&not_copied) {
            Some(why) => Err(why),
            None => Ok((ended, not_copied)),
        });
        let (part, code, took, lines) = match ran {
            Ok((ended, not_copied)) => {
                let part = self.part(true, None, not_copied, &ended);
                (part, ended.code, ended.took, ended.lines)
            }
            Err(why) => {
                let (code, lines) = self.read(start, &arguments);
                let lines = lines.into_iter().map(|line| (Duration::ZERO, line)).collect();
                let ended = Ended { code, took: begun.elapsed(), lines, locks: Vec::new() };
                (self.part(false, Some(why), Vec::new(), &ended), code, Duration::ZERO, ended.lines)
            }
        };
        self.found.lock().unwrap_or_else(PoisonError::into_inner).database = Some(part);
        (code, took, lines)
    }

    fn part(
        &self,
        ran: bool,
        only_read_because: Option<String>,
        not_copied: Vec<String>,
        ended: &Ended,
    ) -> DatabasePart {
        let basis = match (&self.schema, &self.left) {
            (Some(_), _) => Basis::LiveSchema,
            (_, Some((release, rows))) => Basis::Rebuilt { release: *release, rows: rows.clone() },
            (_, None) => Basis::Empty,
        };
        let seconds = (ended.took.as_secs_f64() * 1000.0).round() / 1000.0;
        DatabasePart { basis, ran, only_read_because, not_copied, seconds, locks: ended.locks.clone() }
    }

    /// What the revision files say.
    fn read(&self, start: &Start, arguments: &[String]) -> (i64, Vec<String>) {
        let left = || self.left.as_ref().map_or(&[][..], |(_, rows)| rows);
        let rows = self.schema.as_ref().map_or_else(left, |schema| &schema.version_rows);
        match predict::config(&self.project, arguments, &start.environment) {
            Ok(config) => predict::lines(&config, arguments, &start.environment, rows),
            Err(message) => (1, vec![message]),
        }
    }

    /// Runs the gate's command, on a thread and a runtime of its own: here time is simulated, there it is not.
    fn run_apart(
        &self,
        start: &Start,
        arguments: &[String],
        programs: &std::path::Path,
    ) -> Result<(Ended, Vec<String>), String> {
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| format!("the async runtime did not start: {error}"))?;
            runtime.block_on(self.run(start, arguments, programs))
        };
        std::thread::scope(|scope| {
            scope.spawn(work).join().unwrap_or_else(|_| Err("the rehearsal's thread ended".to_owned()))
        })
    }

    async fn run(
        &self,
        start: &Start,
        arguments: &[String],
        programs: &std::path::Path,
    ) -> Result<(Ended, Vec<String>), String> {
        let config = predict::config(&self.project, arguments, &start.environment)?;
        let settings = settings_of(start, &config, &self.mounted_in(&start.service))?;
        let names: Vec<String> = settings.hosts.iter().map(|host| host.name.clone()).collect();
        let sandbox = Sandbox::open(&names, &self.mounted_in(&start.service)).await?;
        let server = Throwaway::start(sandbox, programs, &settings).await?;
        let mut not_copied = Vec::new();
        if let Some(schema) = &self.schema {
            // What an own superuser cannot repeat about roles shows in what follows.
            server.load(Some("postgres"), &schema.roles).await?;
        }
        server.make(&settings.user).await?;
        if let Some(schema) = &self.schema {
            not_copied = server.load(None, &schema.schema).await?;
            not_copied.extend(server.load(None, &schema.rows).await?);
        }
        let migration = Migration {
            program: &self.program,
            arguments,
            project: &self.project,
            environment: &start.environment,
            sizes: self.schema.as_ref().map_or(&[], |schema| &schema.sizes),
        };
        if let (None, Some((_, rows))) = (&self.schema, &self.left) {
            migration.rebuild(&server, rows).await?;
        }
        Ok((migration.run(&server).await?, not_copied))
    }

    /// The secrets that a service has, by file name.
    fn mounted_in(&self, service: &str) -> BTreeMap<String, Vec<u8>> {
        // A gate's service is named after the one in the stack file.
        let named = self.mounted.iter().find(|(name, _)| service.starts_with(&format!("{name}-r")));
        let files = named.into_iter().flat_map(|(_, files)| files);
        files.filter_map(|(file, secret)| Some((file.clone(), self.secrets.get(secret)?.clone()))).collect()
    }
}

/// Where the gate's environment says that the database is.
fn settings_of(
    start: &Start,
    config: &Config,
    secrets: &BTreeMap<String, Vec<u8>>,
) -> Result<Settings, String> {
    let mut environment = start.environment.clone();
    for name in settings::URL_VARIABLES.iter().chain(&["PGPASSWORD"]) {
        // What a file in the container says is known from the stack file.
        let file = environment.remove(&format!("{name}_FILE"));
        let content = file.and_then(|path| secrets.get(path.strip_prefix("/run/secrets/")?));
        if let Some(content) = content {
            let text = String::from_utf8_lossy(content);
            environment.insert((*name).to_owned(), text.trim_end_matches(['\n', '\r']).to_owned());
        }
    }
    environment.remove("PGPASSFILE");
    let variables = Variables::of(environment.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let configured = config.sqlalchemy_url.as_ref().map(revisions::Secret::expose);
    let settings = settings::resolve(&variables, configured).map_err(|error| error.to_string())?;
    if wants_encryption(&settings) {
        return Err("the gate's settings demand an encrypted connection, which the throwaway server has not"
            .to_owned());
    }
    Ok(settings)
}

/// The contents of the stack's own secrets, and which services mount which.
pub(crate) type Mounts = (BTreeMap<String, Vec<u8>>, BTreeMap<String, Vec<(String, String)>>);

/// The secrets of a stack that a gate could mount below `/run/secrets`.
pub(crate) fn mounts(desired: &Desired) -> Mounts {
    let contents = desired.secrets.iter().filter_map(|secret| {
        let data = secret.body.get("Data")?.as_str()?;
        Some((secret.name.clone(), BASE64_STANDARD.decode(data).ok()?))
    });
    let mounted = desired.services.iter().map(|service| {
        let list = service.body.pointer("/TaskTemplate/ContainerSpec/Secrets").and_then(Value::as_array);
        let files = list.into_iter().flatten().filter_map(|secret| {
            let file = secret.pointer("/File/Name")?.as_str()?;
            let file = file.strip_prefix("/run/secrets/").unwrap_or(file);
            let name = secret.get("SecretName")?.as_str()?;
            (!file.contains('/')).then(|| (file.to_owned(), name.to_owned()))
        });
        (service.name.clone(), files.collect())
    });
    (contents.collect(), mounted.collect())
}

/// The name of the version table, where the configuration says it without Python.
pub(crate) fn version_table(config: &Config) -> String {
    let literal = |setting: &Setting| match setting {
        Setting::Literal(text) => Some(text.clone()),
        Setting::Default | Setting::Dynamic(_) => None,
    };
    let table = literal(&config.version_table).unwrap_or_else(|| "alembic_version".to_owned());
    literal(&config.version_table_schema)
        .map_or_else(|| format!("*.{table}"), |schema| format!("{schema}.{table}"))
}
