//! One rehearsal: what is live is read, the deployer runs against the simulation of it, and what was found is put together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use database::settings::Settings;
use deploy::{Deployed, Options, ResolveImage, Sink};
use engine::{Api, Distribution};
use sim::{Preload, Sim};
use stackfile::{Desired, ServiceBody};

use crate::gate::{Found, Gates, mounts, version_table};
use crate::migrate::{has_server, server_programs};
use crate::predict;
use crate::report::{self, Report};
use crate::schema::{self, LiveSchema, SchemaError};

/// Decides the simulation's ids: a rehearsal is the same each time.
const SEED: u64 = 1;

/// What is rehearsed.
pub struct Request {
    /// What the stack files want.
    pub desired: Desired,
    /// The deploy's options. Checks are not asked, and the registry is only where an engine is.
    pub options: Options,
    /// The folder with Alembic's configuration: the image's working directory.
    pub project: PathBuf,
    /// This program, which the gate runs.
    pub program: PathBuf,
    /// The folder of PostgreSQL's programs, where it is not found by itself.
    pub server: Option<PathBuf>,
    /// What the throwaway database begins with.
    pub schema: SchemaFrom,
}

/// What the throwaway database begins with.
pub enum SchemaFrom {
    /// With the schema of this live database.
    Live(Box<Settings>),
    /// With what the revision files make, up to the rows that the release in force left.
    Files,
    /// There is none: the revision files are only read.
    Nowhere,
}

/// Rehearses. The deployer's own verdict is the second result; the error is what kept it from beginning.
pub async fn rehearse<A: Api>(
    live: Option<&A>,
    request: Request,
    sink: Sink<'_>,
) -> Result<(Report, Result<Deployed, deploy::Error>), Error> {
    let Request { desired, mut options, project, program, server, schema } = request;
    options.ask_checks = false;
    let mut preload = Preload::default();
    let mut left = None;
    let mut assumed = Vec::new();
    if let Some(api) = live {
        preload = Preload::read(api).await.map_err(Error::Engine)?;
        left = rows_in_force(api, &desired.namespace).await?;
        preload.images = ask_registry(api, &desired, &options).await;
        free_the_lease(&desired.namespace, &mut preload, &mut assumed);
    } else {
        options.resolve_image = ResolveImage::Never;
        assumed.push("no engine was asked: the stack is not there yet, and nothing else is".to_owned());
    }
    assumed.push("every container starts and becomes healthy, and every check passes".to_owned());
    let schema =
        copied(&schema, server.as_deref(), &project).await?.map_or(Basis::of(&schema), Basis::Copied);
    let (secrets, mounted) = mounts(&desired);
    let gates = Arc::new(Gates {
        program,
        project,
        server: programs(&schema, server),
        schema: schema.copied(),
        left,
        secrets,
        mounted,
        found: Mutex::default(),
    });
    let (verdict, simulated) = simulate(&preload, &gates, desired, &options, sink)?;
    let found = std::mem::take(&mut *gates.found.lock().unwrap_or_else(PoisonError::into_inner));
    let Found { database, assumed: more } = found;
    if database.as_ref().is_some_and(|part| part.basis == report::Basis::LiveSchema) {
        assumed.push(
            "the copy of the live schema has no rows: nothing in the live data stops a revision".to_owned(),
        );
    }
    assumed.extend(more);
    let simulated_seconds = (simulated.as_secs_f64() * 10.0).round() / 10.0;
    Ok((Report { live_engine: live.is_some(), database, simulated_seconds, assumed }, verdict))
}

/// What a rehearsal could not begin without.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine did not answer.
    #[error(transparent)]
    Engine(engine::Error),
    /// The release records cannot be read.
    #[error(transparent)]
    Records(deploy::Error),
    /// The live schema cannot be copied.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The simulation did not run.
    #[error("the simulation did not run: {0}")]
    Simulation(String),
}

/// Where the throwaway database's schema comes from, once that is known.
enum Basis {
    Copied(LiveSchema),
    Files,
    Nowhere,
}

impl Basis {
    fn of(from: &SchemaFrom) -> Self {
        if matches!(from, SchemaFrom::Nowhere) { Self::Nowhere } else { Self::Files }
    }

    fn copied(self) -> Option<LiveSchema> {
        if let Self::Copied(schema) = self { Some(schema) } else { None }
    }
}

async fn copied(
    from: &SchemaFrom,
    server: Option<&std::path::Path>,
    project: &std::path::Path,
) -> Result<Option<LiveSchema>, SchemaError> {
    let SchemaFrom::Live(settings) = from else { return Ok(None) };
    let programs = server.map(std::path::Path::to_owned).or_else(server_programs);
    let programs = programs.ok_or_else(|| SchemaError(NO_SERVER.to_owned()))?;
    let config = predict::config(project, &[], &BTreeMap::new());
    let table = config.map_or_else(|_| "*.alembic_version".to_owned(), |config| version_table(&config));
    schema::copy(settings, &programs, &table).await.map(Some)
}

const NO_SERVER: &str = "PostgreSQL's server programs (initdb, postgres, psql) are not on this machine";

fn programs(basis: &Basis, server: Option<PathBuf>) -> Result<PathBuf, String> {
    if matches!(basis, Basis::Nowhere) {
        return Err("it was asked for so".to_owned());
    }
    match server {
        Some(folder) if has_server(&folder) => Ok(folder),
        Some(folder) => Err(format!("{} has not all of initdb, postgres and psql", folder.display())),
        None => server_programs().ok_or_else(|| NO_SERVER.to_owned()),
    }
}

/// The release in force and the rows that it left.
async fn rows_in_force<A: Api>(api: &A, stack: &str) -> Result<Option<(u64, Vec<String>)>, Error> {
    let releases = deploy::releases(api, stack).await.map_err(Error::Records)?;
    let in_force = releases.into_iter().find(|release| release.in_force);
    Ok(in_force.and_then(|release| Some((release.number, release.rows?))))
}

/// What the registry says of the images, as the deploy would ask it. What it does not know, the deploy will not know either.
async fn ask_registry<A: Api>(
    api: &A,
    desired: &Desired,
    options: &Options,
) -> BTreeMap<String, Option<Distribution>> {
    let mut told = BTreeMap::new();
    if options.resolve_image == ResolveImage::Never {
        return told;
    }
    let services: BTreeMap<String, &ServiceBody> =
        desired.services.iter().map(|service| (deploy::with_tag(&service.image), service)).collect();
    for (image, service) in services {
        let auth = options.registry_auth.get(&service.image);
        let answer = api.distribution(&image, auth).await.unwrap_or(None);
        told.insert(image, answer);
    }
    told
}

/// A rehearsal does not wait for a deploy that runs.
fn free_the_lease(stack: &str, preload: &mut Preload, assumed: &mut Vec<String>) {
    let lease = format!("tidegate.{stack}.lease");
    let before = preload.configs.len();
    preload.configs.retain(|config| config.name() != lease);
    if preload.configs.len() < before {
        assumed
            .push("the deploy of this stack that runs just now, or has been interrupted, is over".to_owned());
    }
}

/// Runs the deployer in simulated time, on a thread and a runtime of its own.
fn simulate(
    preload: &Preload,
    gates: &Arc<Gates>,
    desired: Desired,
    options: &Options,
    sink: Sink<'_>,
) -> Result<(Result<Deployed, deploy::Error>, Duration), Error> {
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.map_err(|error| Error::Simulation(error.to_string()))?;
        Ok(runtime.block_on(async {
            let sim = Sim::preloaded(SEED, preload);
            let asked = Arc::clone(gates);
            sim.stand_in(move |start| asked.stand_in(start));
            let begun = sim.now();
            let verdict = deploy::deploy(&sim, desired, options, sink).await;
            (verdict, sim.now().saturating_sub(begun))
        }))
    };
    std::thread::scope(|scope| {
        let ended = scope.spawn(work).join();
        ended.unwrap_or_else(|_| Err(Error::Simulation("its thread ended".to_owned())))
    })
}
