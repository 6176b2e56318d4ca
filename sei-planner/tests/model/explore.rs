//! Breadth first through everything that can happen, then backwards from where the node rests: what never gets there is
//! a trap.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use sei_planner::api::{PlanPhase, TaskStatus};

use crate::models::{Model, Rules};
use crate::names::Names;
use crate::operator::{Look, Operator, Rest, Violation, shares_the_disk, violation};
use crate::world::{Event, State, disturbances, fair_steps};

/// A model with more states than this grew without bound.
const STATES_MAX: usize = 16_000_000;
/// Of a model that is to have so many states, one in so many is disturbed at a time: what follows from a disturbance by itself is
/// many states, and all of them are looked into before more goes wrong.
const ONE_IN: usize = 20;
/// How much is told of what follows a trap.
const COURSE_STEPS: usize = 20;

/// What was found out about a model.
pub(crate) struct Report {
    pub(crate) name: &'static str,
    pub(crate) states: usize,
    pub(crate) transitions: usize,
    /// The shortest path to a violation of each invariant.
    pub(crate) found: BTreeMap<&'static str, Counterexample>,
    pub(crate) took: Duration,
}

pub(crate) struct Counterexample {
    pub(crate) steps: usize,
    pub(crate) text: String,
}

/// How a state is reached: with how many disturbances, and in how many steps. A state is looked into once, when it is
/// reached with the fewest.
type Cost = (u8, u16);

struct Explorer<'a> {
    model: &'a Model,
    rules: Rules,
    /// Nothing goes wrong any more while there are so many states.
    pause: usize,
    /// States in which nothing went wrong yet, and how many tasks a look at each runs.
    undisturbed: VecDeque<(u32, u8)>,
    names: Names,
    states: Vec<State>,
    known: HashMap<State, u32>,
    reached_by: Vec<(u32, Event)>,
    costs: Vec<Cost>,
    open: BinaryHeap<Reverse<(Cost, u32)>>,
    transitions: usize,
    /// Pairs of states: from the second, by itself, to the first.
    back: Vec<(u32, u32)>,
    settled: Vec<u32>,
    found: BTreeMap<&'static str, (u32, Event, String)>,
}

/// Everything within the model's disturbances; nothing goes wrong any more once there are `enough` states.
pub(crate) fn explore(model: &Model, rules: Rules, enough: usize) -> Report {
    let began = Instant::now();
    let mut explorer = Explorer {
        model,
        rules,
        pause: if enough == usize::MAX { enough } else { enough / ONE_IN },
        undisturbed: VecDeque::new(),
        names: Names::default(),
        states: Vec::new(),
        known: HashMap::new(),
        reached_by: Vec::new(),
        costs: Vec::new(),
        open: BinaryHeap::new(),
        transitions: 0,
        back: Vec::new(),
        settled: Vec::new(),
        found: BTreeMap::new(),
    };
    for state in model.beginnings(&mut explorer.names) {
        explorer.visit(0, Event::Begins, (0, 0), state);
    }
    explorer.expand_all();
    while explorer.states.len() < enough && !explorer.undisturbed.is_empty() {
        explorer.disturb_some(enough / ONE_IN);
        explorer.expand_all();
    }
    if let Some(trap) = explorer.first_trap() {
        explorer.found.insert("L1", (trap, Event::Begins, "from here the node never comes to rest".to_owned()));
    }
    explorer.report(began.elapsed())
}

impl Explorer<'_> {
    fn visit(&mut self, from: u32, event: Event, cost: Cost, state: State) -> u32 {
        let fresh = u32::try_from(self.states.len()).unwrap();
        let number = *self.known.entry(state.clone()).or_insert(fresh);
        if number == fresh {
            self.states.push(state);
            self.reached_by.push((from, event));
            self.costs.push(cost);
        } else if cost < self.costs[number as usize] {
            self.reached_by[number as usize] = (from, event);
            self.costs[number as usize] = cost;
        } else {
            return number;
        }
        self.open.push(Reverse((cost, number)));
        number
    }

    fn expand_all(&mut self) {
        while let Some(Reverse((cost, next))) = self.open.pop() {
            if self.costs[next as usize] == cost {
                self.expand(next);
            }
            assert!(self.states.len() < STATES_MAX, "{}: more than {STATES_MAX} states", self.model.name);
        }
    }

    fn disturb_some(&mut self, more: usize) {
        self.pause = self.states.len() + more;
        while self.states.len() < self.pause
            && let Some((from, tasks)) = self.undisturbed.pop_front()
        {
            self.disturb(from, tasks);
        }
    }

    fn disturb(&mut self, from: u32, tasks: u8) {
        let state = self.states[from as usize].clone();
        for (event, next) in self.disturbed(from, &state, tasks) {
            self.follow(from, event, 1, &state, next);
        }
    }

    fn expand(&mut self, from: u32) {
        let state = self.states[from as usize].clone();
        let mut steps = Vec::new();
        let look = self.look(from, Event::Looks, &state, None);
        if self.operator().is_settled(&look.next, &look.rest) && look.next == state {
            self.settled.push(from);
        }
        steps.push((Event::Looks, look.next));
        fair_steps(&state, &mut self.names, self.model.tls(), &mut steps);
        for (event, next) in steps {
            if let Some(to) = self.follow(from, event, 0, &state, next) {
                self.back.push((to, from));
            }
        }
        for (event, next) in self.interference(from, &state, &look.rest) {
            self.follow(from, event, 0, &state, next);
        }
        if self.costs[from as usize].0 < self.model.disturbances {
            match self.states.len() < self.pause {
                true => self.disturb(from, look.tasks),
                false => self.undisturbed.push_back((from, look.tasks)),
            }
        }
    }

    /// What may go wrong, a bounded number of times.
    fn disturbed(&mut self, from: u32, state: &State, tasks: u8) -> Vec<(Event, State)> {
        let mut steps = Vec::new();
        disturbances(state, self.model.tls(), &mut steps);
        for dies_after in 1..=tasks {
            let event = Event::LooksAndDiesAfter(dies_after);
            steps.push((event, self.look(from, event, state, Some(dies_after)).next));
        }
        steps
    }

    /// What somebody does, or not, as a consequence of something that went wrong.
    fn interference(&mut self, from: u32, state: &State, rest: &Rest) -> Vec<(Event, State)> {
        let mut steps = Vec::new();
        if let Some(view) = state.second {
            let refused = self.rules.fence && view.status != state.node.status;
            let without = state.but(|next| next.second = None);
            let next = if refused { without } else { self.act(from, state, view) };
            steps.push((Event::SecondLeaderActs, next));
        }
        if let Rest::AsksForAnswer(token) = rest {
            let plans = &self.names.references(state.node.status).plans;
            let plan = plans.first().copied().unwrap_or(u8::MAX);
            let answer = Some(self.names.token(token, plan));
            steps.push((Event::LossIsAcknowledged, state.but(|next| next.node.answer = answer)));
        }
        steps
    }

    fn act(&mut self, from: u32, state: &State, view: crate::world::View) -> State {
        let look = self.operator().look(state, view, None);
        self.blame(from, Event::SecondLeaderActs, look.violations);
        look.next.but(|next| next.second = None)
    }

    fn look(&mut self, from: u32, event: Event, state: &State, dies_after: Option<u8>) -> Look {
        let mut look = self.operator().look(state, state.node, dies_after);
        self.blame(from, event, std::mem::take(&mut look.violations));
        look
    }

    fn operator(&mut self) -> Operator<'_> {
        Operator { model: self.model, rules: self.rules, names: &mut self.names }
    }

    fn follow(&mut self, from: u32, event: Event, disturbs: u8, before: &State, mut next: State) -> Option<u32> {
        next.tidy(&self.names);
        if next == *before {
            return None;
        }
        self.transitions += 1;
        let violations = shares_the_disk(&next);
        self.blame(from, event, violations.into_iter().collect());
        let (disturbances, steps) = self.costs[from as usize];
        Some(self.visit(from, event, (disturbances + disturbs, steps + 1), next))
    }

    fn blame(&mut self, from: u32, event: Event, violations: Vec<Violation>) {
        for Violation { invariant, what } in violations {
            self.found.entry(invariant).or_insert((from, event, what));
        }
    }

    /// The first state from which no fair step leads to rest.
    fn first_trap(&mut self) -> Option<u32> {
        self.back.sort_unstable();
        let mut comes_to_rest = vec![false; self.states.len()];
        let mut open = self.settled.clone();
        while let Some(state) = open.pop() {
            if std::mem::replace(&mut comes_to_rest[state as usize], true) {
                continue;
            }
            let first = self.back.partition_point(|(to, _)| *to < state);
            let sources = self.back[first..].iter().take_while(|(to, _)| *to == state);
            open.extend(sources.map(|(_, from)| *from).filter(|from| !comes_to_rest[*from as usize]));
        }
        let traps = (0..comes_to_rest.len()).filter(|state| !comes_to_rest[*state]);
        traps.min_by_key(|state| self.costs[*state]).map(|trap| u32::try_from(trap).unwrap())
    }

    fn report(mut self, took: Duration) -> Report {
        let found = std::mem::take(&mut self.found);
        let told = found.iter().map(|(invariant, (at, event, what))| {
            let (steps, mut text) = self.path(*at);
            if *event == Event::Begins {
                text.push_str(&self.course_from(*at));
            } else {
                writeln!(text, "  then {}", event.sentence()).unwrap();
            }
            writeln!(text, "  {}", violation(invariant, what.as_str()).what).unwrap();
            (*invariant, Counterexample { steps, text })
        });
        let found = told.collect();
        Report { name: self.model.name, states: self.states.len(), transitions: self.transitions, found, took }
    }

    fn path(&self, to: u32) -> (usize, String) {
        let mut course = vec![to];
        let mut at = to;
        while self.reached_by[at as usize].1 != Event::Begins {
            at = self.reached_by[at as usize].0;
            course.push(at);
        }
        course.reverse();
        let mut text = String::new();
        for (number, state) in course.iter().enumerate() {
            let event = self.reached_by[*state as usize].1.sentence();
            writeln!(text, "  {number:>2}. {event}: {}", self.situation(&self.states[*state as usize])).unwrap();
        }
        (course.len(), text)
    }

    /// How it goes on by itself, from a trap.
    fn course_from(&mut self, trap: u32) -> String {
        let mut state = self.states[trap as usize].clone();
        let mut text = String::new();
        for _ in 0..COURSE_STEPS {
            let mut steps = Vec::new();
            fair_steps(&state, &mut self.names, self.model.tls(), &mut steps);
            steps.push((Event::Looks, self.look(trap, Event::Looks, &state, None).next));
            let Some((event, next)) = steps.into_iter().find(|(_, next)| *next != state) else { break };
            state = next;
            writeln!(text, "   .. {}: {}", event.sentence(), self.situation(&state)).unwrap();
        }
        text
    }

    /// A state in one line.
    fn situation(&self, state: &State) -> String {
        let status = self.names.status(state.node.status);
        let mut text =
            format!("spec {} of generation {}, {}", state.node.variant + 1, state.node.generation, status.phase());
        write!(text, " {}", status.current_image.as_deref().unwrap_or("without image")).unwrap();
        if let Some(plan) = &status.plan {
            let at = plan.tasks.iter().find(|task| task.status != TaskStatus::Complete);
            let at = at.filter(|_| plan.phase != PlanPhase::Complete).map_or("its end", |task| task.kind.as_str());
            write!(text, ", {:?} plan {:?} at {at}", plan.kind_name(), plan.phase).unwrap();
        }
        match state.set {
            Some(set) => write!(text, ", set {}{}", set.template + 1, if set.observed { "" } else { " unseen" }),
            None => write!(text, ", no set"),
        }
        .unwrap();
        if let Some(pod) = state.pod {
            let words =
                [(pod.deleting, "leaving"), (pod.running, "running"), (pod.ready, "ready"), (!pod.owned, "orphan")];
            let words: Vec<&str> = words.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word).collect();
            write!(text, ", pod {} {}", pod.template + 1, words.join(" ")).unwrap();
        }
        if let Some(job) = state.job {
            write!(text, ", job {:?}{}", job.phase, if job.deleting { " leaving" } else { "" }).unwrap();
        }
        if !state.service {
            text.push_str(", no service");
        }
        let rows: Vec<String> = state.disk.rows.iter().map(|row| format!("{:?} {:?}", row.work, row.state)).collect();
        write!(text, ", claim {:?} [{}]", state.claim, rows.join(", ")).unwrap();
        text
    }
}
