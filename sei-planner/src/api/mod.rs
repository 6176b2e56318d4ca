//! The wire: types of `sei.io/v1alpha1` as they stand in the API server, and the strings (condition types, reasons,
//! annotation keys) that other programs read. Nothing here decides anything.

pub mod conditions;
pub mod crd;
mod node;
mod plan;
pub mod served;
mod status;
mod time;

pub use node::*;
pub use plan::*;
pub use status::*;
pub use time::Time;

/// API group of all our kinds.
pub const GROUP: &str = "sei.io";
/// `apiVersion` of a SeiNode.
pub const API_VERSION: &str = "sei.io/v1alpha1";
/// Kind of a SeiNode.
pub const KIND: &str = "SeiNode";
/// Finalizer on every live SeiNode.
pub const FINALIZER: &str = "sei.io/seinode-finalizer";
/// Field manager of everything that is applied for a SeiNode (kept from the controller this one replaces, so that a
/// field we stop sending disappears).
pub const FIELD_MANAGER: &str = "seinode-controller";
/// Annotation: a new value makes a failed node plan again.
pub const RETRY_ANNOTATION: &str = "sei.io/retry";
/// Annotation that asks for a pod of today's template; any new value asks once.
pub const REFRESH_ANNOTATION: &str = "sei.io/refresh";
/// Annotation: while it is there with any value but `false`, nothing is done for the node, short of its deletion.
pub const PAUSE_ANNOTATION: &str = "sei.io/paused";
/// Annotation: the answer to an `AwaitingAcknowledgement` condition; its value is the token in the condition's message.
pub const ACKNOWLEDGE_ANNOTATION: &str = "sei.io/acknowledge";
