//! Runs the scenarios one after the other in one world, and prints what `cargo test` prints. A harness of our own,
//! because the servers must be started once and must be gone at the end.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::permissions;
use super::world::World;

/// Above every deadline inside a scenario.
const SCENARIO_DEADLINE: Duration = Duration::from_secs(600);

type BoxedScenario = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A named scenario.
pub(crate) struct Trial {
    name: &'static str,
    run: Box<dyn Fn(Arc<World>) -> BoxedScenario>,
    only_when_named: bool,
}

impl Trial {
    pub(crate) fn new<F>(name: &'static str, run: fn(Arc<World>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Trial { name, run: Box::new(move |world| Box::pin(run(world))), only_when_named: false }
    }

    /// As libtest's `#[ignore]`, and its whole name must be given: it takes long, and says nothing of a debug build.
    pub(crate) fn only_when_named(self) -> Self {
        Trial { only_when_named: true, ..self }
    }
}

/// What libtest understands and we too: filters by part of the name, `--exact`, `--skip`, `--list`.
#[derive(Default)]
struct Options {
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
    list: bool,
}

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options::default();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => options.exact = true,
                "--list" => options.list = true,
                "--skip" => options.skips.extend(arguments.next()),
                // Always so here: nothing is captured, and scenarios run one by one.
                "--nocapture" | "--no-capture" | "--test-threads=1" => {}
                "--test-threads" => drop(arguments.next()),
                flag if flag.starts_with('-') => return Err(format!("unknown option {flag}")),
                filter => options.filters.push(filter.to_owned()),
            }
        }
        Ok(options)
    }

    fn selects(&self, trial: &Trial) -> bool {
        let exact = self.exact || trial.only_when_named;
        let matches = |filter: &String| if exact { trial.name == filter } else { trial.name.contains(filter.as_str()) };
        let asked_for = if self.filters.is_empty() { !trial.only_when_named } else { self.filters.iter().any(matches) };
        asked_for && !self.skips.iter().any(matches)
    }
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<&'static str>,
}

/// Runs what the command line selects. A world that cannot start fails every scenario: nothing is ever skipped.
pub(crate) fn run(trials: &[Trial]) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let chosen: Vec<&Trial> = trials.iter().filter(|trial| options.selects(trial)).collect();
    if options.list {
        chosen.iter().for_each(|trial| println!("{}: test", trial.name));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let started = Instant::now();
    let ignored = trials.iter().filter(|trial| trial.only_when_named && !options.selects(trial)).count();
    let complete = chosen.len() + ignored == trials.len();
    let tally = if chosen.is_empty() { Tally::default() } else { run_all(&chosen, complete) };
    report(&tally, ignored, trials.len() - chosen.len() - ignored, started.elapsed())
}

/// Runs what is chosen; whether that is `complete` decides whether the operator must have needed all that it may do.
fn run_all(chosen: &[&Trial], complete: bool) -> Tally {
    let runtime = Runtime::new().expect("a runtime");
    let tally = runtime.block_on(async {
        let Ok(world) = tokio::spawn(World::start()).await else {
            return Tally { passed: 0, failed: chosen.iter().map(|trial| trial.name).collect() };
        };
        let world = Arc::new(world);
        let mut tally = Tally::default();
        for trial in chosen {
            if run_one(trial, &world).await {
                tally.passed += 1;
            } else {
                tally.failed.push(trial.name);
            }
        }
        if complete {
            let complaints = permissions::complaints(&world.audit.all());
            complaints.iter().for_each(|complaint| println!("{complaint}"));
            match complaints.is_empty() {
                true => tally.passed += 1,
                false => tally.failed.push("permissions_are_the_least"),
            }
        }
        tally
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    tally
}

async fn run_one(trial: &Trial, world: &Arc<World>) -> bool {
    let started = Instant::now();
    let mut scenario = tokio::spawn((trial.run)(world.clone()));
    let outcome = tokio::time::timeout(SCENARIO_DEADLINE, &mut scenario).await;
    let passed = matches!(outcome, Ok(Ok(())));
    if outcome.is_err() {
        scenario.abort();
        println!("{}: not done after {SCENARIO_DEADLINE:?}\n{}", trial.name, world.operator_log());
    }
    let verdict = if passed { "ok" } else { "FAILED" };
    println!("test {} ... {verdict} ({:.1} s)", trial.name, started.elapsed().as_secs_f64());
    world.clean_up().await;
    passed
}

/// The last line has libtest's form, so that a reader of the log sees that tests ran.
fn report(tally: &Tally, ignored: usize, filtered_out: usize, took: Duration) -> ExitCode {
    let failed = tally.failed.len();
    if failed > 0 {
        println!("\nfailures:");
        tally.failed.iter().for_each(|name| println!("    {name}"));
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {} passed; {failed} failed; {ignored} ignored; 0 measured; {filtered_out} filtered out; \
         finished in {:.2}s\n",
        tally.passed,
        took.as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
