//! How fast, how faulty and how random a simulated world is: everything that is chosen before it starts.

use std::collections::{BTreeMap, BTreeSet};

use super::faults::{CrashAt, Fault, Weather};

/// Choices for a world. The default has no faults, and sidecars that finish every task at once.
#[derive(Clone, Debug)]
pub struct Options {
    /// Goes into every uid and plan id.
    pub seed: u32,
    /// How long the controllers, the kubelet and the operator's restart take.
    pub delays: Delays,
    /// How long tasks take in sidecars.
    pub durations: Durations,
    /// How far the operator's watches lag behind the store, in seconds. Its own writes it always sees.
    pub watch_lag_seconds: i64,
    /// Faults at numbered calls.
    pub faults: BTreeMap<u64, Fault>,
    /// Faults drawn from a seed.
    pub weather: Option<Weather>,
    /// Images that cannot be pulled.
    pub broken_images: BTreeSet<String>,
    /// What cert-manager does.
    pub cert_manager: CertManager,
    /// How many reconciles one node may have within one second of virtual time before it is called a hot loop.
    pub reconciles_per_second_max: u32,
    /// How many steps a run may take in all.
    pub steps_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            delays: Delays::default(),
            durations: Durations::fast(),
            watch_lag_seconds: 0,
            faults: BTreeMap::new(),
            weather: None,
            broken_images: BTreeSet::new(),
            cert_manager: CertManager::Issues { after_seconds: 5 },
            reconciles_per_second_max: 50,
            steps_max: 1_000_000,
        }
    }
}

impl Options {
    /// These options with a crash at a call.
    #[must_use]
    pub fn crash(mut self, at: CrashAt) -> Self {
        self.faults.insert(at.call, Fault::Crash(at.point));
        self
    }

    /// These options with a fault at a call.
    #[must_use]
    pub fn fault(mut self, call: u64, fault: Fault) -> Self {
        self.faults.insert(call, fault);
        self
    }

    /// These options with faults drawn from this seed at the operator's calls, during the first `seconds` virtual seconds.
    #[must_use]
    pub fn faulty(mut self, seed: u64, seconds: i64) -> Self {
        self.weather = Some(Weather::of(seed, seconds));
        self
    }

    /// These options with sidecars that take about as long as real ones.
    #[must_use]
    pub fn realistic(mut self) -> Self {
        self.durations = Durations::realistic();
        self
    }
}

/// What cert-manager does in a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertManager {
    /// It is not installed: the API server does not know its kinds.
    Absent,
    /// It issues every certificate after a while.
    Issues {
        /// From a Certificate to its Secret.
        after_seconds: i64,
    },
    /// Every attempt fails.
    Fails {
        /// What the Certificate says of it.
        why: String,
    },
}

/// How long things take in the cluster, in seconds.
#[derive(Clone, Debug)]
pub struct Delays {
    /// From a change of a StatefulSet or its pod to the controller's answer, at least 1.
    pub statefulset_seconds: i64,
    /// From a pod whose volumes exist to a pod with a machine.
    pub schedule_seconds: i64,
    /// To pull the images of a group of containers that were not pulled before.
    pub pull_seconds: i64,
    /// Between two attempts to pull an image that cannot be pulled.
    pub pull_backoff_seconds: i64,
    /// For ordinary init containers to run.
    pub init_seconds: i64,
    /// From the sidecar's start to the start of the ordinary containers; with 0 (and nothing to pull) they are seen to
    /// run at the same moment.
    pub start_seconds: i64,
    /// From the start of a bootstrap's seid to its height.
    pub bootstrap_seconds: i64,
    /// From the start of seid to the tip of its chain.
    pub catch_up_seconds: i64,
    /// From the first founder's artifacts to the genesis and the peers that the chain's assembler makes of them.
    pub assemble_seconds: i64,
    /// From a change of a Secret to the proxy that serves what is in it.
    pub reload_seconds: i64,
    /// From the deletion of a pod to its end.
    pub terminate_seconds: i64,
    /// From the end of an owner to the deletion of what it owned.
    pub garbage_seconds: i64,
    /// From a crash of the operator to its next process.
    pub operator_restart_seconds: i64,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            statefulset_seconds: 1,
            schedule_seconds: 1,
            pull_seconds: 5,
            pull_backoff_seconds: 10,
            init_seconds: 1,
            start_seconds: 2,
            bootstrap_seconds: 60,
            catch_up_seconds: 20,
            assemble_seconds: 20,
            reload_seconds: 0,
            terminate_seconds: 10,
            garbage_seconds: 1,
            operator_restart_seconds: 5,
        }
    }
}

/// How long tasks take in a sidecar.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    /// Seconds by type of task; a type that is not listed is done at once.
    pub seconds: BTreeMap<String, i64>,
}

impl Durations {
    /// Every task is done at once.
    #[must_use]
    pub fn fast() -> Self {
        Self::default()
    }

    /// Half an hour for a snapshot, seconds for the rest.
    #[must_use]
    pub fn realistic() -> Self {
        let seconds = [
            ("snapshot-restore", 1800),
            ("configure-genesis", 3),
            ("config-apply", 1),
            ("discover-peers", 8),
            ("configure-state-sync", 5),
            ("config-validate", 1),
            ("await-condition", 600),
        ];
        Self { seconds: seconds.map(|(kind, s)| (kind.to_owned(), s)).into() }
    }

    /// Seconds a task of this type takes.
    #[must_use]
    pub fn of(&self, kind: &str) -> i64 {
        self.seconds.get(kind).copied().unwrap_or_default()
    }
}
