//! Three candidates for one Lease, each a process of its own, on the elector that the operator runs.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sei_tasks::leader::{Elector, Fence, LEASE_NAME, Leases, Timer};
use sei_tasks::sim::Random;
use sei_tasks::world::{ClusterError, Created, Kind, ObjectId};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

const CANDIDATES: usize = 3;
/// A time in which anything may happen; it is followed by a calm.
pub(crate) const SPELL: Duration = Duration::from_secs(60);
/// A time in which candidates run undisturbed or not at all, and at least one runs.
pub(crate) const CALM: Duration = Duration::from_secs(60);
/// Longest way of a request, or of its answer, in a storm: 6 s for both.
const WAY_MS_MAX: u64 = 3000;
/// The same in a calm.
const CALM_WAY_MS_MAX: u64 = 400;

/// What holds in the world of an election.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether the API server refuses a write whose resourceVersion is not the last one.
    pub(crate) versions_are_checked: bool,
    /// How much faster or slower than time a candidate's clock may run.
    pub(crate) drift_percent: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { versions_are_checked: true, drift_percent: 5 }
    }
}

/// A time in which one process believed that it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reign {
    pub(crate) who: String,
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Election {
    /// In the order in which they began.
    pub(crate) reigns: Vec<Reign>,
    pub(crate) requests: usize,
    /// Reigns that ended with a release, and with a loss; the others ended with a crash.
    pub(crate) released: usize,
    pub(crate) lost: usize,
}

/// The election of this seed.
pub(crate) fn elect(seed: u64, life: Duration, rules: Rules) -> Election {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut random = Random::of(seed);
        let world = Arc::new(World {
            began: Instant::now(),
            ends: life,
            rules,
            weathers: weathers(&mut random, life),
            lease: Mutex::default(),
            election: Mutex::default(),
        });
        for number in 0..CANDIDATES {
            tokio::spawn(lives(world.clone(), number, Random::of(random.next())));
        }
        sleep(life + Duration::from_millis(1)).await;
        let mut election = world.election().clone();
        election.reigns.sort_by_key(|reign| reign.from);
        election
    })
}

/// The API server, and the notes of what happened.
struct World {
    began: Instant,
    /// When every process is killed, so that its reign is noted.
    ends: Duration,
    rules: Rules,
    /// Of each spell, for each candidate.
    weathers: Vec<[Weather; CANDIDATES]>,
    lease: Mutex<Option<Value>>,
    election: Mutex<Election>,
}

impl World {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn election(&self) -> MutexGuard<'_, Election> {
        self.election.lock().unwrap()
    }

    /// Number of the spell, and how far we are into it and the calm after it.
    fn spell(&self) -> (u32, Duration) {
        let number = self.now().as_secs() / (SPELL + CALM).as_secs();
        let number = u32::try_from(number).unwrap();
        (number, self.now() - begin(number))
    }

    fn weather(&self, spell: u32, candidate: usize) -> Option<Weather> {
        self.weathers.get(usize::try_from(spell).unwrap()).map(|spell| spell[candidate])
    }

    fn serve(&self, request: Request) -> Answer {
        let mut lease = self.lease.lock().unwrap();
        let current = lease.as_ref().map(|lease| lease["metadata"]["resourceVersion"].clone());
        let mut new = match (request, &current) {
            (Request::Read, _) => return Ok(lease.clone()),
            (Request::Create(_), Some(_)) => return Ok(None),
            (Request::Create(new), None) => new,
            (Request::Replace(new), _) => {
                if self.rules.versions_are_checked && current.as_ref() != Some(&new["metadata"]["resourceVersion"]) {
                    return Err(ClusterError::Conflict("the object has been modified".to_owned()));
                }
                new
            }
        };
        new["metadata"]["resourceVersion"] =
            json!(current.and_then(|version| version.as_u64()).unwrap_or_default() + 1);
        *lease = Some(new.clone());
        Ok(Some(new))
    }
}

enum Request {
    Read,
    Create(Value),
    Replace(Value),
}

type Answer = Result<Option<Value>, ClusterError>;

/// What befalls a candidate during a spell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Undisturbed,
    Slow,
    /// One request in three is lost, or its answer.
    Lossy,
    /// The process stands still at times.
    StandsStill,
    /// Processes crash, or are stopped, and start again.
    Restarts,
    /// The process crashes, or is stopped, and the next one starts with the next spell.
    Goes,
}

const WEATHERS: [Weather; 6] =
    [Weather::Undisturbed, Weather::Slow, Weather::Lossy, Weather::StandsStill, Weather::Restarts, Weather::Goes];

/// One candidate of each spell is there in the calm after it, whatever befalls the others.
fn weathers(random: &mut Random, life: Duration) -> Vec<[Weather; CANDIDATES]> {
    let spells = life.as_secs().div_ceil((SPELL + CALM).as_secs());
    let mut drawn = || *random.pick(&WEATHERS);
    let of_spell = |spell| {
        let mut all = [drawn(), drawn(), drawn()];
        let stays = &mut all[usize::try_from(spell).unwrap() % CANDIDATES];
        *stays = if *stays == Weather::Goes { Weather::Restarts } else { *stays };
        all
    };
    (0..spells).map(of_spell).collect()
}

/// When a spell begins.
fn begin(spell: u32) -> Duration {
    (SPELL + CALM) * spell
}

/// One process: its clock, its line to the API server, and whether it stands still.
struct Process {
    world: Arc<World>,
    me: String,
    candidate: usize,
    random: Mutex<Random>,
    clock: SkewedClock,
    wall_skew: SignedDuration,
    stands_still_until: Mutex<Instant>,
    fence: OnceLock<Fence>,
    /// Until when it believed at the last look that it leads, on its own clock.
    leads_until: Mutex<Duration>,
}

/// A clock that shows something when it starts, and runs too fast or too slowly.
#[derive(Clone, Copy)]
struct SkewedClock {
    started: Instant,
    origin: Duration,
    rate_percent: u32,
}

impl SkewedClock {
    fn elapsed(self) -> Duration {
        self.origin + self.started.elapsed() * self.rate_percent / 100
    }

    /// When it shows this.
    fn at(self, elapsed: Duration) -> Instant {
        self.started + elapsed.saturating_sub(self.origin) * 100 / self.rate_percent
    }
}

impl Process {
    fn drawn(&self, end: u64) -> u64 {
        self.random.lock().unwrap().below(end)
    }

    /// What befalls it now.
    fn is(&self, weather: Weather) -> bool {
        let (spell, into) = self.world.spell();
        into < SPELL && self.world.weather(spell, self.candidate) == Some(weather)
    }

    fn ways(&self) -> (Duration, Duration) {
        let slow = self.is(Weather::Slow) || self.is(Weather::Lossy) || self.is(Weather::StandsStill);
        let max = if slow { WAY_MS_MAX } else { CALM_WAY_MS_MAX };
        (Duration::from_millis(self.drawn(max)), Duration::from_millis(self.drawn(max)))
    }

    /// Whether the request is lost, and whether its answer is.
    fn losses(&self) -> (bool, bool) {
        let drawn = self.drawn(6);
        (self.is(Weather::Lossy) && drawn == 0, self.is(Weather::Lossy) && drawn == 1)
    }

    /// Whatever was waited for: a process that stands still notices it later, and in the calm it runs.
    async fn awake(&self) {
        if self.is(Weather::StandsStill) && self.drawn(12) == 0 {
            let rest_of_spell = SPELL - self.world.spell().1;
            let time = Duration::from_secs(self.drawn(40)).min(rest_of_spell);
            *self.stands_still_until.lock().unwrap() = Instant::now() + time;
        }
        let until = *self.stands_still_until.lock().unwrap();
        sleep_until(until).await;
    }

    async fn ask(&self, request: Request) -> Answer {
        self.world.election().requests += 1;
        let ((there, back), (lost, answer_lost)) = (self.ways(), self.losses());
        let (tell, hear) = oneshot::channel();
        let world = self.world.clone();
        // On its own, so that it goes on when nobody waits for it any more.
        tokio::spawn(async move {
            sleep(there).await;
            if lost {
                return std::future::pending().await;
            }
            let answer = world.serve(request);
            sleep(back).await;
            if answer_lost {
                return std::future::pending().await;
            }
            let _ = tell.send(answer);
        });
        let answer = hear.await.expect("lost answers never come");
        self.awake().await;
        answer
    }
}

impl Leases for &Process {
    async fn read(&self) -> Answer {
        self.ask(Request::Read).await
    }

    async fn create(&self, lease: &Value) -> Result<Created, ClusterError> {
        Ok(self.ask(Request::Create(lease.clone())).await?.map_or(Created::AlreadyExists, Created::New))
    }

    async fn replace(&self, lease: &Value) -> Result<Value, ClusterError> {
        Ok(self.ask(Request::Replace(lease.clone())).await?.expect("as it stands after it"))
    }
}

impl Timer for &Process {
    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    async fn sleep_until(&self, elapsed: Duration) {
        // Asked after every renewal, before anything else is awaited.
        if let Some(Ok(until)) = self.fence.get().map(Fence::leads_until) {
            *self.leads_until.lock().unwrap() = until;
        }
        if elapsed == Duration::MAX {
            return std::future::pending().await;
        }
        sleep_until(self.clock.at(elapsed)).await;
        // A timer has the precision of a millisecond, and this clock is not the timer's.
        while self.elapsed() < elapsed {
            sleep(Duration::from_millis(1)).await;
        }
        self.awake().await;
    }

    fn wall(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.clock.started.elapsed()).unwrap();
        Timestamp::UNIX_EPOCH + self.wall_skew + elapsed
    }
}

/// One process of a candidate after the other.
async fn lives(world: Arc<World>, candidate: usize, mut random: Random) {
    for life in (0_u32..).take_while(|_| world.now() < world.ends) {
        let process = started(&world, candidate, life, &mut random);
        let end = end_of_life(&world, candidate, &mut random);
        one_life(&process, end.min(world.ends), end < world.ends && random.once_in(2)).await;
        let (spell, into) = world.spell();
        if world.weather(spell, candidate) == Some(Weather::Goes) && into + Duration::from_secs(1) < SPELL + CALM {
            sleep_until(world.began + begin(spell + 1)).await;
        } else {
            sleep(Duration::from_millis(random.below(5_000))).await;
        }
    }
}

/// When the process of a candidate that starts now crashes or is stopped.
fn end_of_life(world: &World, candidate: usize, random: &mut Random) -> Duration {
    for spell in world.spell().0.. {
        let Some(weather) = world.weather(spell, candidate) else { break };
        let end_of_spell = begin(spell) + SPELL;
        let from = begin(spell).max(world.now());
        let longest = match weather {
            Weather::Restarts => Duration::from_secs(20),
            Weather::Goes => SPELL,
            Weather::Undisturbed | Weather::Slow | Weather::Lossy | Weather::StandsStill => continue,
        };
        if from < end_of_spell {
            let longest = longest.min(end_of_spell - from);
            return from + Duration::from_millis(random.below(u64::try_from(longest.as_millis()).unwrap()));
        }
    }
    world.ends
}

fn started(world: &Arc<World>, candidate: usize, life: u32, random: &mut Random) -> Process {
    let drift = world.rules.drift_percent;
    Process {
        world: world.clone(),
        me: format!("operator-{candidate}_{life}"),
        candidate,
        clock: SkewedClock {
            started: Instant::now(),
            origin: Duration::from_millis(random.below(100_000)),
            rate_percent: u32::try_from(100 - drift + random.below(2 * drift + 1)).unwrap(),
        },
        wall_skew: SignedDuration::from_secs(random.seconds(1200)),
        stands_still_until: Mutex::new(Instant::now()),
        random: Mutex::new(Random::of(random.next())),
        fence: OnceLock::new(),
        leads_until: Mutex::default(),
    }
}

/// A process from its start to its end: it loses the Lease, or is stopped or crashes at `end`.
async fn one_life(process: &Process, end: Duration, stops: bool) {
    let clock = process.clock;
    let fence = Fence::closed(move || clock.elapsed());
    process.fence.set(fence.clone()).expect("once");
    let id = ObjectId::new(Kind::Lease, "sei-system", LEASE_NAME);
    let mut elector = Elector::new(process, process, fence, id, process.me.clone());
    let mut end = std::pin::pin!(sleep_until(process.world.began + end));
    tokio::select! {
        biased;
        () = &mut end => return,
        () = elector.acquire() => {}
    }
    let from = process.world.now();
    let lost = tokio::select! {
        biased;
        lost = elector.renew() => Some(lost),
        () = &mut end => None,
    };
    // A fence closes by itself, whether its process notices or not.
    let fence_closes = process.clock.at(*process.leads_until.lock().unwrap());
    let until = process.world.now().min(fence_closes - process.world.began);
    let released = lost.is_none() && stops;
    {
        let mut election = process.world.election();
        election.reigns.push(Reign { who: process.me.clone(), from, until });
        election.lost += usize::from(lost.is_some());
        election.released += usize::from(released);
    }
    if released {
        let _ = elector.release().await;
    }
}
