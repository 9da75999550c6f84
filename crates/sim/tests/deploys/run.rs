//! One seed: a first release, a second one with faults, perhaps a kill or a second deployer, then the same command again; and
//! what must be true after each (the numbers are those of the invariants in DESIGN.md and ARCHITECTURE.md).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deploy::{Deployed, Error, Restored};
use engine::{Api, Filter, TaskFilter, TaskState};
use sim::{Fault, Faults, Halt, Sim};

use crate::stack::{GATE_RUNS, Gates, SERVICES, STACK, Second, options, release, silence, teach};

/// No deploy may take longer, whatever goes wrong.
const LIMIT: Duration = Duration::from_hours(2);

/// What a seed decides.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) second: Second,
    pub(crate) faults_permille: u32,
    pub(crate) spares_reads: bool,
    pub(crate) halt: Option<Halt>,
    pub(crate) rival: bool,
    /// Somebody scales this service up after the deployer's write of this number.
    pub(crate) edit: Option<(u64, &'static str)>,
}

impl Course {
    pub(crate) fn of_seed(seed: u64) -> Self {
        let mut state = seed;
        let mut draw = |bound: u64| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed ^ (mixed >> 27)) % bound
        };
        let second = if draw(2) == 0 { Second::Good } else { Second::ALL[usize::try_from(draw(6)).unwrap()] };
        // Reads are most of the calls: faults that spare them are more frequent, and get further.
        let (faults_permille, spares_reads) =
            [(0, false), (10, false), (50, false), (150, true), (300, true), (500, true)]
                [usize::try_from(draw(6)).unwrap()];
        let at = draw(160) + 1;
        let halt = match draw(4) {
            0 => Some(Halt::BeforeCall(at)),
            1 => Some(Halt::AfterCall(at)),
            _ => None,
        };
        let rival = draw(5) == 0;
        let edit = (draw(3) == 0).then(|| (draw(25) + 1, SERVICES[usize::try_from(draw(3)).unwrap()].0));
        Self { second, faults_permille, spares_reads, halt, rival, edit }
    }
}

/// The stack at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Of each service: the release its spec is of, its replicas, and the ids of its running tasks with their images.
    services: BTreeMap<String, (String, u64, BTreeMap<String, String>)>,
}

impl Picture {
    async fn take(sim: &Sim) -> Self {
        let mut services = BTreeMap::new();
        for service in sim.services(&Filter::stack(STACK)).await.unwrap() {
            if !SERVICES.iter().any(|(name, _)| *name == service.name()) {
                continue;
            }
            let tasks = sim.tasks(&TaskFilter::service(&service.id)).await.unwrap();
            let up =
                tasks.into_iter().filter(|task| task.status.state == TaskState::Running && task.is_wanted());
            let up = up.map(|task| (task.id.clone(), tag(task.image()))).collect();
            let replicas = service.spec["Mode"]["Replicated"]["Replicas"].as_u64().unwrap_or(0);
            services.insert(service.name().to_owned(), (tag(service.image()), replicas, up));
        }
        Self { services }
    }

    /// What keeps the stack from being wholly at a release.
    fn not_at(&self, number: u32) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, tasks) in SERVICES {
            let image = match name {
                "shop_db" => "db:1".to_owned(),
                other => format!("{}:{number}", other.trim_start_matches("shop_")),
            };
            match self.services.get(name) {
                None => wrong.push(format!("{name} is not there")),
                Some((spec, ..)) if *spec != image => {
                    wrong.push(format!("{name} is {spec} instead of {image}"));
                }
                Some((_, _, up)) if up.len() < tasks => {
                    wrong.push(format!("{name} runs {} of {tasks} tasks", up.len()));
                }
                Some((_, _, up)) if up.values().any(|task| *task != image) => {
                    wrong.push(format!("{name} runs {up:?}"));
                }
                Some(_) => {}
            }
        }
        wrong
    }

    /// Whether somebody else's change is there.
    fn is_edited(&self) -> bool {
        SERVICES
            .iter()
            .any(|(name, tasks)| self.services.get(*name).is_some_and(|service| service.1 != *tasks as u64))
    }
}

fn scale_up(spec: &mut serde_json::Value) {
    let replicas = &mut spec["Mode"]["Replicated"]["Replicas"];
    *replicas = serde_json::json!(replicas.as_u64().unwrap_or(1) + 1);
}

fn tag(image: &str) -> String {
    image.split('@').next().unwrap_or_default().to_owned()
}

/// What a seed has shown to be wrong, in words.
#[derive(Default)]
pub(crate) struct Found {
    /// How the seed went; empty if nothing is wrong.
    pub(crate) story: String,
    /// Invariants that do not hold.
    pub(crate) broken: Vec<String>,
    /// Changes by somebody else that were replaced (invariant 4).
    pub(crate) overwritten: Vec<String>,
}

/// Runs a seed.
pub(crate) async fn run(seed: u64) -> Found {
    let course = Course::of_seed(seed);
    let sim = Sim::new(seed);
    let gates = teach(&sim, course.second);
    let first = attempt(&sim.another(), 1, "first").await;
    if !matches!(first, Ok(Deployed { changed: true, .. })) {
        let broken = vec![format!("the first release did not go out: {first:?}")];
        return Found { broken, ..Found::default() };
    }
    let before = Picture::take(&sim).await;
    let mut found = Found { broken: before.not_at(1), ..Found::default() };

    let caller = sim.another();
    let faults = Faults::by_seed(seed, course.faults_permille);
    caller.set_faults(if course.spares_reads { faults.sparing_reads() } else { faults });
    if let Some(halt) = course.halt {
        caller.halt_at(halt);
    }
    let edits = Arc::new(AtomicBool::new(false));
    if let Some((write, service)) = course.edit {
        let edits = Arc::clone(&edits);
        caller.after_write(write, move |sim| {
            edits.store(sim.edit_service(service, scale_up), Ordering::Relaxed);
        });
    }
    let rival = sim.another();
    let rivals = async { if course.rival { Some(attempt(&rival, 2, "rival").await) } else { None } };
    let attacked = async {
        tokio::select! {
            result = attempt(&caller, 2, "second") => Some(result),
            () = caller.halted() => None,
        }
    };
    let (attacked, rivals) = tokio::join!(attacked, rivals);
    let happened = caller.faults_happened();
    let disturbed = !happened.is_empty() || attacked.is_none() || course.edit.is_some();
    // With two deployers the picture is whose ran last; it is judged at the end.
    if let (Some(result), None) = (&attacked, &rivals) {
        let after = Picture::take(&sim).await;
        found.broken.extend(judge(result, &before, &after, course.second, disturbed));
    }
    for rival in rivals.iter().filter(|_| !disturbed) {
        found.broken.extend(expected(rival, course.second).err());
    }
    // Where the API fails, Swarm's own rollback may undo a change.
    let sure = course.second == Second::Good && edits.load(Ordering::Relaxed);
    if sure && !Picture::take(&sim).await.is_edited() {
        found.overwritten.push("at once, by the deploy that met it".to_owned());
    }
    // Somebody else's change may have been undone by Swarm itself: then nothing certain is known of the end.
    let meddled = course.edit.is_some() || happened.iter().any(|(_, fault)| *fault == Fault::ForeignEdit);
    finish(&sim, &before, course.second, meddled, &mut found).await;
    found.broken.extend(overlaps(&gates));
    if !found.broken.is_empty() || !found.overwritten.is_empty() {
        found.story = format!("{course:?}, faults {happened:?}, attempt {attacked:?}, rival {rivals:?}");
    }
    found
}

/// The same command again, now undisturbed, and once more.
async fn finish(sim: &Sim, before: &Picture, second: Second, meddled: bool, found: &mut Found) {
    let edited = Picture::take(sim).await.is_edited();
    let again = attempt(&sim.another(), 2, "again").await;
    let after = Picture::take(sim).await;
    if edited {
        if !after.is_edited() {
            found.overwritten.push(format!("by the next deploy: {again:?}"));
        }
        return;
    }
    let wrong = judge(&again, before, &after, second, meddled);
    found.broken.extend(wrong.into_iter().map(|wrong| format!("again: {wrong}")));
    if again.is_ok() {
        // Invariant 8.
        let third = sim.another();
        let result = attempt(&third, 2, "third").await;
        if third.write_count() > 0 || !matches!(result, Ok(Deployed { changed: false, .. })) {
            found.broken.push(format!("a further run wrote {:?}: {result:?}", third.writes()));
        }
    }
}

async fn attempt(caller: &Sim, number: u32, run: &str) -> Result<Deployed, Error> {
    let options = options(run);
    let work = deploy::deploy(caller, release(number), &options, &silence);
    let result = tokio::time::timeout(LIMIT, work).await;
    result.unwrap_or_else(|_| panic!("the deploy `{run}` took more than {LIMIT:?}"))
}

/// What the result promises, held against the picture (invariants 2, 3 and 7).
fn judge(
    result: &Result<Deployed, Error>,
    before: &Picture,
    after: &Picture,
    second: Second,
    disturbed: bool,
) -> Vec<String> {
    let mut wrong = Vec::new();
    match result {
        Ok(_) => wrong.extend(after.not_at(2).into_iter().map(|wrong| format!("success, but {wrong}"))),
        Err(Error::Gate { restored: Restored::Whole, .. }) => {
            wrong
                .extend(after.not_at(1).into_iter().map(|wrong| format!("refused at the gate, but {wrong}")));
            if !after.is_edited() && after != before {
                wrong.push(format!("refused at the gate, but tasks were touched: {before:?} {after:?}"));
            }
        }
        Err(Error::Rollout { restored: Restored::Whole, .. }) => {
            wrong.extend(after.not_at(1).into_iter().map(|wrong| format!("rolled back, but {wrong}")));
        }
        Err(_) => {}
    }
    if !disturbed {
        wrong.extend(expected(result, second).err());
    }
    wrong
}

/// Undisturbed, the second release ends as its images decide.
fn expected(result: &Result<Deployed, Error>, second: Second) -> Result<(), String> {
    let as_expected = match result {
        Ok(_) => second == Second::Good,
        Err(Error::Gate { restored: Restored::Whole, .. }) => second.is_refused(),
        Err(Error::Rollout { restored: Restored::Whole, .. }) => {
            second != Second::Good && !second.is_refused()
        }
        Err(_) => false,
    };
    if as_expected { Ok(()) } else { Err(format!("undisturbed, {second:?} ended with {result:?}")) }
}

/// Invariant 1, as far as it can be judged here: no gate starts while another runs.
fn overlaps(gates: &Gates) -> Vec<String> {
    let mut starts = gates.lock().unwrap().clone();
    starts.sort();
    let overlap = |pair: &[(Duration, &str)]| pair[1].0 < pair[0].0 + GATE_RUNS;
    let pairs = starts.windows(2).filter(|pair| overlap(pair));
    pairs.map(|pair| format!("two gates at once: {pair:?}")).collect()
}
