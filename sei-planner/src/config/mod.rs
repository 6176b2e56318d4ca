//! What seid's configuration should say: the intent that the sidecar turns into files.

mod intent;
mod keys;

pub use intent::{config_intent, incremental_intent};
pub use keys::{KNOWN_KEYS, is_known_key};
