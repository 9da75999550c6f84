//! One run: a first release (the same for all, taken from a snapshot), the second one under attack, then a further command
//! undisturbed, and once more.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use deploy::{Deployed, Error, Event, Strategy};
use engine::Error as EngineError;
use tokio::time::{sleep, timeout};

use super::faults::{Faults, Item, Second, Victim};
use super::judge::{Broken, Judge, Sender, View, words};
use super::picture::Picture;
use super::stack::{CANARY, DOOMED, Gates, options, release, teach};
use crate::{Fault, Faults as CallFaults, Halt, Sim, Snapshot, When};

/// No deploy may take longer, whatever goes wrong.
const LIMIT: Duration = Duration::from_hours(2);
/// How long tasks that failed by themselves get to be up again before the stack is judged.
const SETTLING: Duration = Duration::from_secs(20);

/// What happened, line by line.
#[derive(Debug, Default)]
pub(super) struct Story(Mutex<Vec<String>>);

impl Story {
    fn add(&self, sim: &Sim, who: &str, what: &str) {
        let line = format!("{:>9.3} s  {who:<7} {what}", sim.now().as_secs_f64());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The stack after its first release.
struct Base {
    snapshot: Snapshot,
    picture: Picture,
}

static BASE: OnceLock<Base> = OnceLock::new();

/// Deploys the first release, once for all runs of this process.
///
/// # Panics
///
/// If that fails: then nothing can be tested.
pub fn prepare() {
    base();
}

fn base() -> &'static Base {
    BASE.get_or_init(|| {
        on_virtual_time(async {
            let sim = Sim::new(0);
            teach(&sim, &Faults::default());
            let first = deploy::deploy(&sim, release(1), &options("first", "", |_| false), &|_| {}).await;
            assert!(first.is_ok(), "the first release did not go out: {first:?}");
            sleep(SETTLING).await;
            let picture = Picture::take(&sim).await;
            let picture = picture.unwrap_or_else(|error| panic!("the stack cannot be read: {error}"));
            Base { snapshot: sim.snapshot(), picture }
        })
    })
}

/// Does work on a runtime of its own whose time is virtual.
pub(super) fn on_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(work)
}

/// Runs a list of faults; returns what it has broken.
pub(super) fn play(seed: u64, faults: &Faults, story: Option<Arc<Story>>) -> Vec<Broken> {
    let base = base();
    on_virtual_time(async {
        let sim = Sim::resume(&base.snapshot, seed);
        let gates = teach(&sim, faults);
        let scene = Scene {
            seed,
            sim,
            gates,
            before: &base.picture,
            faults,
            story,
            judge: Arc::default(),
            meddled: Arc::default(),
            failed: AtomicBool::new(false),
        };
        if let Err(error) = scene.run().await {
            scene.judge.add(0, format!("the simulator itself: {error}"));
        }
        scene.judge.found()
    })
}

struct Scene<'a> {
    seed: u64,
    sim: Sim,
    gates: Gates,
    before: &'a Picture,
    faults: &'a Faults,
    story: Option<Arc<Story>>,
    judge: Arc<Judge>,
    /// Somebody else has changed a service.
    meddled: Arc<AtomicBool>,
    /// A task has failed by itself.
    failed: AtomicBool,
}

/// How the attacked deploy ended (not at all if it was killed), and the rival's.
type Ends = (Option<Result<Deployed, Error>>, Option<Result<Deployed, Error>>);

impl Scene<'_> {
    async fn run(&self) -> Result<(), EngineError> {
        let caller = self.sim.another();
        self.arm(&caller);
        let ends = self.attack(&caller).await;
        self.judge_attack(&caller, &ends).await?;
        self.afterwards(&ends).await?;
        self.judge.overlaps(&self.gates);
        // The mark of a recreation is Tidegate's own, and nobody's to change.
        for service in self.sim.overwritten().into_iter().filter(|name| !name.starts_with("shop_recreate-r"))
        {
            self.judge.add(4, format!("somebody else's change of {service} was replaced"));
        }
        Ok(())
    }

    fn arm(&self, caller: &Sim) {
        let calls = self.faults.0.iter().filter_map(|item| match item {
            Item::Call(when, fault) => Some((*when, *fault)),
            _ => None,
        });
        caller.set_faults(CallFaults::at(calls.collect::<Vec<(When, Fault)>>()));
        for item in &self.faults.0 {
            match item {
                Item::Crash(Halt::At(after)) => caller.halt_at(Halt::At(self.sim.now() + *after)),
                Item::Crash(halt) => caller.halt_at(*halt),
                Item::Drain(victim, time) => {
                    self.sim.drain_slowly(victim.service(), Duration::from_millis((*time).into()));
                }
                Item::EditAfter(victim, write) => {
                    let (service, meddled) = (victim.service(), Arc::clone(&self.meddled));
                    caller.after_write(*write, move |sim| {
                        meddled.fetch_or(sim.edit_service(service, scale_up), Ordering::Relaxed);
                    });
                }
                _ => {}
            }
        }
    }

    async fn attack(&self, caller: &Sim) -> Ends {
        let doomed = self.faults.0.iter().any(|item| matches!(item, Item::Crash(_)));
        let process = if doomed { DOOMED } else { "" };
        let attacked = caller.drive(self.attempt(caller, 2, "second", process, |_| false));
        let rival = async {
            let at = self.faults.0.iter().find_map(|item| match item {
                Item::Rival(at) => Some(*at),
                _ => None,
            })?;
            sleep(Duration::from_millis(at.into())).await;
            Some(self.attempt(&self.sim.another(), 2, "rival", "", |_| false).await)
        };
        tokio::select! {
            biased;
            ends = async { tokio::join!(attacked, rival) } => (ends.0.flatten(), ends.1.flatten()),
            () = self.events() => (None, None),
        }
    }

    /// What happens beside the deployer's calls. Never ends.
    async fn events(&self) {
        let mut events: Vec<(u32, &Item)> = self
            .faults
            .0
            .iter()
            .filter_map(|item| match item {
                Item::Edit(_, at) | Item::Tweak(_, at) | Item::Noop(_, at) | Item::Fail(_, at) => {
                    Some((*at, item))
                }
                _ => None,
            })
            .collect();
        events.sort_by_key(|(at, _)| *at);
        let mut passed = 0;
        for (at, item) in events {
            sleep(Duration::from_millis((at - passed).into())).await;
            passed = at;
            let done = match item {
                Item::Edit(victim, _) => self.meddle(*victim, scale_up),
                Item::Tweak(victim, _) => {
                    self.meddle(*victim, |spec| spec["Labels"]["edited-by"] = "somebody else".into())
                }
                Item::Noop(victim, _) => self.sim.edit_service(victim.service(), |_| {}),
                Item::Fail(victim, _) => {
                    self.failed.fetch_or(self.sim.crash_task(victim.service()), Ordering::Relaxed);
                    true
                }
                _ => false,
            };
            if done {
                self.tell("world", &item.to_string());
            }
        }
        pending::<()>().await;
    }

    fn meddle(&self, victim: Victim, edit: impl FnOnce(&mut serde_json::Value)) -> bool {
        let done = self.sim.edit_service(victim.service(), edit);
        self.meddled.fetch_or(done, Ordering::Relaxed);
        done
    }

    async fn judge_attack(&self, caller: &Sim, (attacked, rival): &Ends) -> Result<(), EngineError> {
        let happened = caller.faults_happened();
        if happened.iter().any(|(_, fault)| *fault == Fault::ForeignEdit) {
            self.meddled.store(true, Ordering::Relaxed);
        }
        let mut after = Picture::take(&self.sim).await?;
        let (meddled, failed) = (self.meddled.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed));
        if let (Some(Ok(Deployed { changed: true, .. })), None, false, false) =
            (attacked, rival, meddled, failed)
        {
            for words in after.too_young() {
                self.judge.add(7, words);
            }
        }
        if failed {
            sleep(SETTLING).await;
            after = Picture::take(&self.sim).await?;
        }
        // With two deployers the picture is whose ran last; it is judged at the end.
        if let (Some(result), None) = (attacked, rival) {
            let foreign = self.sim.foreign_services();
            let view = View { before: self.before, after: &after, foreign: &foreign, tasks_failed: failed };
            self.judge.result(result, &view);
            if !meddled && !self.rollback_hidden() {
                self.judge.accusation(result);
            }
            let noop = self.faults.0.iter().any(|item| matches!(item, Item::Noop(..)));
            if happened.is_empty() && !meddled && !failed && !noop {
                self.judge.expected("the deploy", result, self.faults.second());
            }
        }
        Ok(())
    }

    /// Whether Swarm's own rollback of the API may look like somebody's change: who writes the spec that it put back once more
    /// takes away the only sign that it was Swarm.
    fn rollback_hidden(&self) -> bool {
        let rolled_back = matches!(self.faults.second(), Second::ApiCrashes | Second::ApiUnhealthy);
        rolled_back && self.faults.0.iter().any(|item| matches!(item, Item::Noop(Victim::Api, _)))
    }

    /// A further command, now undisturbed, and the same once more.
    async fn afterwards(&self, (attacked, rival): &Ends) -> Result<(), EngineError> {
        let meddled = self.meddled.load(Ordering::Relaxed);
        let number = self.faults.then();
        let succeeded = [attacked, rival].into_iter().any(|end| matches!(end, Some(Ok(_))));
        let on_machine = self.faults.0.contains(&Item::SameMachine);
        let is_gone: fn(&str) -> bool = if on_machine { |process| process == DOOMED } else { |_| false };
        self.plan_only(number).await;
        let Some(again) = self.attempt(&self.sim.another(), number, "again", "", is_gone).await else {
            return Ok(());
        };
        if !self.sim.foreign_services().is_empty() {
            return Ok(());
        }
        let after = Picture::take(&self.sim).await?;
        match &again {
            Ok(_) => {
                for words in after.not_at(number, &[]) {
                    self.judge.add(3, format!("again: success, but {words}"));
                }
            }
            Err(_) if number == 2 && !succeeded => {
                let view = View { before: self.before, after: &after, foreign: &[], tasks_failed: true };
                self.judge.result(&again, &view);
            }
            Err(_) => {}
        }
        if !meddled {
            self.judge.accusation(&again);
            let second = if number == 2 { self.faults.second() } else { Second::Good };
            self.judge.expected("the next deploy", &again, second);
        }
        if again.is_ok() {
            let third = self.sim.another();
            let result = self.attempt(&third, number, "third", "", |_| false).await;
            if third.write_count() > 0 || !matches!(result, Some(Ok(Deployed { changed: false, .. }))) {
                let result = result.as_ref().map(words);
                self.judge.add(8, format!("a further run wrote {:?}: {result:?}", third.writes()));
            }
        }
        Ok(())
    }

    async fn plan_only(&self, number: u32) {
        // A plan is the same work as the begin of each deploy, so every fourth seed will do.
        if !self.seed.is_multiple_of(4) {
            return;
        }
        let caller = self.sim.another();
        let plan =
            deploy::make_plan(&caller, release(number), &options("plan", "", |_| false), &|_| {}).await;
        if caller.write_count() > 0 {
            self.judge.add(9, format!("the plan wrote {:?}", caller.writes()));
        }
        if self.looks_for_secrets()
            && plan.is_ok_and(|(plan, file)| {
                let shown = serde_json::to_string(&plan).unwrap_or_default() + &file.text();
                shown.contains(CANARY)
            })
        {
            self.judge.add(10, "the plan shows it");
        }
    }

    /// One deploy. `None` if it did not end within its bounds, which is judged here.
    async fn attempt(
        &self,
        caller: &Sim,
        number: u32,
        run: &'static str,
        process: &str,
        is_gone: fn(&str) -> bool,
    ) -> Option<Result<Deployed, Error>> {
        self.attend(caller, number, run);
        let sink = |event: Event| self.hear(run, &event);
        let mut options = options(run, process, is_gone);
        if matches!(run, "second" | "rival") && self.faults.0.contains(&Item::Recreate) {
            options.plan.strategy = Some(Strategy::Recreate);
        }
        // A deploy is a large future, and would be moved more often than once.
        let work = Box::pin(deploy::deploy(caller, release(number), &options, &sink));
        let Ok(result) = timeout(LIMIT, work).await else {
            self.judge.add(0, format!("the deploy `{run}` took more than {LIMIT:?}"));
            return None;
        };
        self.tell(run, &words(&result));
        if self.looks_for_secrets() && format!("{result:?}").contains(CANARY) {
            self.judge.add(10, format!("the result of `{run}` shows it"));
        }
        Some(result)
    }

    /// Puts the judge, and the story if there is one, beside a caller's calls.
    fn attend(&self, caller: &Sim, number: u32, run: &'static str) {
        let sender = Sender { run, release: number, second: self.faults.second(), gates: self.gates.clone() };
        let (judge, story) = (Arc::clone(&self.judge), self.story.clone());
        caller.on_call(move |sim, call| {
            if let Some(story) = &story {
                let write = if call.writes { format!(" w{}", sim.write_count()) } else { String::new() };
                let fault = sim.faults_happened().last().filter(|(at, _)| *at == sim.call_count()).copied();
                let fault = fault.map_or(String::new(), |(_, fault)| format!("   <-- {fault:?}"));
                story.add(sim, run, &format!("{}{write}: {}{fault}", sim.call_count(), call.what));
            }
            judge.hear(sim, call, &sender);
        });
    }

    fn hear(&self, run: &str, event: &Event) {
        if self.story.is_none() && !self.looks_for_secrets() {
            return;
        }
        let Ok(text) = serde_json::to_string(event) else { return };
        if text.contains(CANARY) {
            self.judge.add(10, format!("an event of `{run}` shows it: {text}"));
        }
        self.tell(run, &text);
    }

    fn tell(&self, who: &str, what: &str) {
        if let Some(story) = &self.story {
            story.add(&self.sim, who, what);
        }
    }

    /// Looking costs more than the run itself, so not every seed does.
    fn looks_for_secrets(&self) -> bool {
        self.seed.is_multiple_of(16)
    }
}

fn scale_up(spec: &mut serde_json::Value) {
    let replicas = &mut spec["Mode"]["Replicated"]["Replicas"];
    *replicas = serde_json::json!(replicas.as_u64().unwrap_or(1) + 1);
}
