//! [`Sim`]: one caller of the simulated managers, and what a test may do behind the callers' backs. How a call goes through
//! latency, faults and halts to the world and back is here, once for all calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::{Call, Error, FileKind};
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use crate::Behaviour;
use crate::fault::{Fault, Faults, Halt, PATIENCE};
use crate::refusal::Refusal;
use crate::world::World;

/// What a call takes on its way there, and again on its way back.
const LATENCY: Duration = Duration::from_micros(500);

/// One caller of simulated Swarm managers. Clones are the same caller.
#[derive(Clone)]
pub struct Sim {
    pub(crate) shared: Arc<Shared>,
    line: Arc<Mutex<Line>>,
    pub(crate) halted: watch::Sender<bool>,
}

/// What all callers share.
pub(crate) struct Shared {
    world: Mutex<World>,
    began: Instant,
    /// What the world's clock said when this began.
    offset: Duration,
    /// How much faster than tokio's clock the world's goes.
    speed: f64,
    /// Something was done to the world: who waits for its next event must look again.
    pub(crate) changed: Notify,
}

/// What is one caller's own.
#[derive(Default)]
pub(crate) struct Line {
    faults: Faults,
    pub(crate) halt: Option<Halt>,
    calls: u64,
    writes: Vec<String>,
    happened: Vec<(u64, Fault)>,
    hooks: Vec<(Moment, Hook)>,
    listener: Option<Listener>,
    /// The process stands still until then.
    pub(crate) frozen_until: Option<Instant>,
    /// How often it has stood still.
    pub(crate) freezes: u64,
}

type Hook = Box<dyn FnOnce(&Sim) + Send>;
type Listener = Arc<dyn Fn(&Sim, &Call) + Send + Sync>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    BeforeWrite(u64),
    AfterWrite(u64),
}

/// One call on its way.
struct Trip {
    call: u64,
    write: Option<u64>,
    fault: Option<Fault>,
    freezes: u64,
    /// When it was sent, on the world's clock.
    sent: Duration,
}

/// The managers' state at one moment, to begin with it again and again.
#[derive(Clone)]
pub struct Snapshot(World);

impl Sim {
    /// A caller of new managers: one node, no services. The seed decides the ids.
    pub fn new(seed: u64) -> Self {
        Self::with_nodes(seed, 1)
    }

    /// The same with this many nodes, `node-1` (the manager) to `node-N`.
    pub fn with_nodes(seed: u64, nodes: usize) -> Self {
        Self::of(World::new(seed, nodes.max(1)), 1.0)
    }

    /// A caller of managers whose clock goes this many times as fast as tokio's.
    pub fn with_speed(seed: u64, nodes: usize, times: f64) -> Self {
        Self::of(World::new(seed, nodes.max(1)), times.clamp(0.001, 1000.0))
    }

    /// A caller of managers as they were at the moment of a snapshot; from then on another seed decides the ids.
    pub fn resume(snapshot: &Snapshot, seed: u64) -> Self {
        let mut world = snapshot.0.clone();
        world.reseed(seed);
        Self::of(world, 1.0)
    }

    /// The managers' state now. Callers, their faults and their calls on the way are no part of it.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.world().clone())
    }

    pub(crate) fn of(world: World, speed: f64) -> Self {
        let (offset, began) = (world.now, Instant::now());
        let world = Mutex::new(world);
        Self::on(Arc::new(Shared { world, began, offset, speed, changed: Notify::new() }))
    }

    /// Another caller of the same managers, without faults.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::on(Arc::clone(&self.shared))
    }

    fn on(shared: Arc<Shared>) -> Self {
        Self { shared, line: Arc::default(), halted: watch::Sender::new(false) }
    }

    /// From now on these faults happen to this caller's calls.
    pub fn set_faults(&self, faults: Faults) {
        self.line().faults = faults;
    }

    /// From now on this caller is stopped for good at this point, as by `kill -9`: see [`Sim::halted`].
    pub fn halt_at(&self, halt: Halt) {
        self.line().halt = Some(halt);
    }

    /// Returns once this caller has been stopped. A test then drops whatever was calling:
    /// `select! { result = deploy => ..., () = sim.halted() => drop }`.
    pub async fn halted(&self) {
        let mut halted = self.halted.subscribe();
        // The sender is `self`, so the channel cannot close meanwhile.
        drop(halted.wait_for(|halted| *halted).await);
    }

    /// Calls this whenever the caller sends a request, before anything happens to it.
    pub fn on_call(&self, listener: impl Fn(&Sim, &Call) + Send + Sync + 'static) {
        self.line().listener = Some(Arc::new(listener));
    }

    /// Calls this just before the caller's write of this number (from 1) takes effect.
    pub fn before_write(&self, number: u64, hook: impl FnOnce(&Sim) + Send + 'static) {
        self.line().hooks.push((Moment::BeforeWrite(number), Box::new(hook)));
    }

    /// Calls this just after the caller's write of this number (from 1) took effect.
    pub fn after_write(&self, number: u64, hook: impl FnOnce(&Sim) + Send + 'static) {
        self.line().hooks.push((Moment::AfterWrite(number), Box::new(hook)));
    }

    /// How many calls this caller has made that write, faulty ones included.
    pub fn write_count(&self) -> u64 {
        self.line().writes.len() as u64
    }

    /// This caller's writing calls in their order, in words.
    pub fn writes(&self) -> Vec<String> {
        self.line().writes.clone()
    }

    /// How many calls this caller has made.
    pub fn call_count(&self) -> u64 {
        self.line().calls
    }

    /// The faults that happened to this caller, each with the number of its call: enough to plan the same run again.
    pub fn faults_happened(&self) -> Vec<(u64, Fault)> {
        self.line().happened.clone()
    }

    /// What tasks of this image (name and tag, without a digest) do from now on; tasks that exist keep to what they began.
    pub fn behave(&self, image: &str, behaviour: Behaviour) {
        self.world().behaviours.insert(image.to_owned(), behaviour);
    }

    /// Somebody else updates a service. Returns whether there is one and the managers allow the change.
    pub fn edit_service(&self, name: &str, edit: impl FnOnce(&mut Value)) -> bool {
        let done = self.world().edit_service(name, edit);
        self.shared.changed.notify_waiters();
        done
    }

    /// A running task of a service fails by itself. Returns whether there was one.
    pub fn crash_task(&self, service: &str) -> bool {
        let done = self.world().crash_task(service);
        self.shared.changed.notify_waiters();
        done
    }

    /// From now on the tasks that a service has take this time to stop.
    pub fn drain_slowly(&self, service: &str, time: Duration) {
        self.world().drain_slowly(service, time);
    }

    /// Somebody runs a container on a network. Returns whether there is such a network and containers can be attached to it.
    pub fn attach(&self, network: &str, container: &str) -> bool {
        self.world().attach(network, container)
    }

    /// Somebody removes such a container.
    pub fn detach(&self, container: &str) {
        self.world().detach(container);
    }

    /// The services on which a caller has replaced or removed what somebody else had written, in order.
    pub fn overwritten(&self) -> Vec<String> {
        self.world().overwritten.clone()
    }

    /// The services whose spec somebody else than a caller wrote.
    pub fn foreign_services(&self) -> Vec<String> {
        self.world().foreign_services()
    }

    /// A label of a config or secret; none if there is no such object or label.
    pub fn label_of(&self, kind: FileKind, name: &str, key: &str) -> Option<String> {
        self.world().file_label(kind, name, key)
    }

    /// The managers' clock: virtual time since the simulation began.
    pub fn now(&self) -> Duration {
        self.world().now
    }

    /// The managers write a status: the service's version index moves, its spec does not.
    pub fn touch_service(&self, name: &str) {
        self.world().touch_service(name);
    }

    /// A node goes down or comes back.
    pub fn set_node_ready(&self, hostname: &str, ready: bool) {
        self.world().change_node(hostname, |node| node.ready = ready);
        self.shared.changed.notify_waiters();
    }

    /// Gives a node a label (`node.labels.KEY` in constraints).
    pub fn label_node(&self, hostname: &str, key: &str, value: &str) {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.world().change_node(hostname, |node| drop(node.labels.insert(key, value)));
        self.shared.changed.notify_waiters();
    }

    /// Whether there are addresses left in the ingress network. Without one, new tasks with published ports stay in `New`, with
    /// no node and no word.
    pub fn set_ingress_addresses(&self, left: bool) {
        self.world().ingress_addresses = left;
    }

    /// How often the managers have written anything, whoever caused it.
    pub fn store_writes(&self) -> u64 {
        self.world().store_writes
    }

    /// The world at this moment.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.shared.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance_to(self.shared.elapsed());
        world
    }

    /// The moment, on tokio's clock, at which something next happens by itself.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let due = self.world().next_due()?;
        Some(self.shared.instant(due))
    }

    pub(crate) fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries a call to the world and its answer back, through whatever goes wrong on the way. `disturb` moves the version
    /// index of what the call is about, `edit` changes it as somebody else would.
    pub(crate) async fn carry<T>(
        &self,
        call: Call,
        disturb: impl Fn(&mut World, Fault) + Send,
        work: impl Fn(&mut World) -> Result<T, Refusal> + Send,
    ) -> Result<T, Error> {
        let trip = self.depart(&call);
        sleep(LATENCY).await;
        self.meet_fate_before(&call, &trip).await?;
        if self.line().freezes != trip.freezes {
            // The caller stood still while its request was on the way: the connection is gone.
            return Err(broken(&call, "the connection broke"));
        }
        if let Some(write) = trip.write {
            self.run_hooks(Moment::BeforeWrite(write));
        }
        let answer = {
            let mut world = self.world();
            world.sent_at = trip.sent;
            if let Some(fault @ (Fault::StatusWrite | Fault::ForeignEdit | Fault::NoopUpdate)) = trip.fault {
                disturb(&mut world, fault);
            }
            let first = work(&mut world);
            // The second copy of the request meets what the first has done.
            if trip.fault == Some(Fault::Resent) { work(&mut world) } else { first }
        };
        if let Some(write) = trip.write {
            // Reads change nothing, and what time changes whoever waits for it sees by itself.
            self.shared.changed.notify_waiters();
            self.run_hooks(Moment::AfterWrite(write));
        }
        if let Some(Fault::Freeze(milliseconds)) = trip.fault {
            self.freeze(Duration::from_millis(milliseconds.into()));
        }
        self.meet_fate_after(&call, &trip).await?;
        sleep(LATENCY).await;
        answer.map_err(|refusal| Error::from_answer(&call, refusal.status, &refusal.message))
    }

    fn depart(&self, call: &Call) -> Trip {
        let mut line = self.line();
        line.calls += 1;
        if call.writes {
            line.writes.push(call.what.clone());
        }
        let (number, write) = (line.calls, call.writes.then_some(line.writes.len() as u64));
        let fault = line.faults.draw(number, write);
        line.happened.extend(fault.map(|fault| (number, fault)));
        let freezes = line.freezes;
        let listener = line.listener.clone();
        drop(line);
        if let Some(listener) = listener {
            listener(self, call);
        }
        Trip { call: number, write, fault, freezes, sent: self.shared.elapsed() }
    }

    async fn meet_fate_before(&self, call: &Call, trip: &Trip) -> Result<(), Error> {
        self.stop_if(|halt| match halt {
            Halt::BeforeCall(number) => trip.call == number,
            Halt::BeforeWrite(number) => trip.write == Some(number),
            Halt::AfterCall(_) | Halt::AfterWrite(_) | Halt::At(_) => false,
        })
        .await;
        match trip.fault {
            Some(Fault::Unreachable) => {
                let source = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
                Err(Error::Unreachable { endpoint: "sim://".into(), source })
            }
            Some(Fault::LostRequest) => Err(unanswered(call).await),
            Some(Fault::NoLeader) => {
                let refusal = Refusal::no_leader();
                Err(Error::from_answer(call, refusal.status, &refusal.message))
            }
            Some(Fault::Slow(milliseconds)) => {
                sleep(Duration::from_millis(milliseconds.into())).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn meet_fate_after(&self, call: &Call, trip: &Trip) -> Result<(), Error> {
        self.stop_if(|halt| match halt {
            Halt::AfterCall(number) => trip.call == number,
            Halt::AfterWrite(number) => trip.write == Some(number),
            Halt::BeforeCall(_) | Halt::BeforeWrite(_) | Halt::At(_) => false,
        })
        .await;
        match trip.fault {
            Some(Fault::LostAnswer) => Err(unanswered(call).await),
            Some(Fault::Late(milliseconds)) => {
                sleep(Duration::from_millis(milliseconds.into())).await;
                Ok(())
            }
            Some(Fault::NoLeaderAfter) => Err(Error::from_answer(
                call,
                500,
                "rpc error: code = Unavailable desc = node lost leader status",
            )),
            _ => Ok(()),
        }
    }

    /// Never returns if the caller's halt is at this point.
    async fn stop_if(&self, here: impl Fn(Halt) -> bool) {
        let stops = self.line().halt.is_some_and(here);
        if stops {
            self.halted.send_replace(true);
            std::future::pending::<()>().await;
        }
    }

    fn run_hooks(&self, moment: Moment) {
        let hooks = std::mem::take(&mut self.line().hooks);
        for (at, hook) in hooks {
            if at == moment {
                hook(self);
            } else {
                self.line().hooks.push((at, hook));
            }
        }
    }
}

/// What a caller sees of a request or an answer that was lost.
async fn unanswered(call: &Call) -> Error {
    sleep(PATIENCE).await;
    broken(call, &format!("no answer within {} s", PATIENCE.as_secs()))
}

fn broken(call: &Call, reason: &str) -> Error {
    if call.writes {
        return Error::Ambiguous { what: call.what.clone(), reason: reason.to_owned() };
    }
    Error::Timeout { what: call.what.clone(), seconds: PATIENCE.as_secs() }
}

impl Shared {
    /// What the world's clock says.
    fn elapsed(&self) -> Duration {
        let real = self.began.elapsed();
        // The exact way for simulated time: a float would lose nanoseconds.
        let passed = if self.is_scaled() { real.mul_f64(self.speed) } else { real };
        self.offset + passed
    }

    /// The moment, on tokio's clock, at which the world's clock says this.
    pub(crate) fn instant(&self, moment: Duration) -> Instant {
        let ahead = moment.saturating_sub(self.offset);
        self.began + if self.is_scaled() { ahead.div_f64(self.speed) } else { ahead }
    }

    fn is_scaled(&self) -> bool {
        (self.speed - 1.0).abs() > f64::EPSILON
    }
}
