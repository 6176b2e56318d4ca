//! The pipeline of one SeiNode, a file a stage: what was seen, what is valid, what to do, the plan for it, and what
//! status says afterwards.

mod adopt;
mod announce;
mod build;
mod decide;
mod drift;
mod effects;
mod fixed;
mod group;
mod holder;
mod legacy;
mod observed;
mod plan;
mod problem;
mod records;
mod settled;
mod status;
mod transitions;
mod valid;
mod validate;

pub use adopt::{adopt, lacks_records};
pub use announce::{Event, announce};
pub use build::{Ground, PlanKind, PlanRequest, Update, build};
pub use decide::{
    Decision, Wait, begins_to_sign, builds_on_data, decide, left_by_the_bootstrap, next_write, service_task,
    service_task_to_come, writes_volume,
};
pub use drift::{ConfigChange, DRIFT, drift};
pub use effects::{EFFECTS, Effect, effect, is_within};
pub use fixed::unfollowable;
pub use group::UpdateGroup;
pub use holder::{KeyHolder, KeyRecord, KeyVerdict, judge_key};
pub use observed::{
    Observed, PodFacts, Presence, SidecarHealth, TaskProbe, container_image, controller, controller_uid,
};
pub use plan::{NodePlan, PlanOutcome, draft, plan_node, render_node};
pub use problem::{Problem, Refusal};
pub use settled::settled_status;
pub use status::{Ran, Stamp, project_status, terminating};
pub use transitions::{PlanEnd, Standing, Transition, transitions};
pub use valid::{
    Bootstrap, Ceremony, DataVolume, InitSource, Issuer, Keyring, Mode, Snapshots, SyncSettings, TLS_PORT, Tls,
    TlsSource, ValidNode,
};
pub use validate::validate;
