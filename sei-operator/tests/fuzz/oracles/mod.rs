//! What must hold whatever bytes the parsers are given: a target per parser, for the fuzzer and for the replay of its corpus.

mod key_json;
mod keyring;
mod leak;
mod mutate;
mod pem;
mod plan_json;
mod sidecar_reply;
mod yaml;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

pub use leak::leak;
pub use mutate::{Random, mutated};

/// Longest input that is judged, in bytes.
pub const INPUT_BYTES_MAX: usize = 64 << 10;
/// No input takes longer.
const TIME_MAX: Duration = Duration::from_secs(1);
/// How often a slow input is judged before it counts as slow: the machine may have been busy.
const TRIALS: usize = 3;

/// A parser, and what it is asked.
pub struct Target {
    /// Its name, also of the folder with its corpus.
    pub name: &'static str,
    /// Lets the parser have its say; panics where a promise of its own is broken.
    pub ask: fn(&[u8]) -> Told,
    /// Words of the format, for mutations.
    pub words: &'static [&'static str],
}

/// All of them.
pub const TARGETS: [&Target; 6] =
    [&key_json::TARGET, &keyring::TARGET, &pem::TARGET, &plan_json::TARGET, &sidecar_reply::TARGET, &yaml::TARGET];

/// What came out, and what of it nobody may see.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Every verdict, error and event, as it would be shown.
    pub said: Vec<String>,
    /// Values of Secrets.
    pub secrets: Vec<Vec<u8>>,
    /// What may be shown wherever it comes from: addresses, fingerprints, names of Secrets and of their data keys.
    pub names: Vec<String>,
    /// Parts of the values of which each piece may be shown: certificates that are served.
    pub public: Vec<Vec<u8>>,
    /// What the program says whatever it reads: its own source.
    pub vocabulary: &'static [&'static str],
}

/// Whether the promises hold for this input; if not, which is broken. Panics of the parsers are passed on.
pub fn judge(target: &Target, input: &[u8]) -> Result<(), String> {
    let input = &input[..input.len().min(INPUT_BYTES_MAX)];
    let (told, first) = timed(target, input);
    let (again, second) = timed(target, input);
    if told != again {
        return Err(format!("the same input, another answer: {:?} and {:?}", told.said, again.said));
    }
    let quickest = || (0..TRIALS).map(|_| timed(target, input).1).min().unwrap_or_default();
    if first.min(second) > TIME_MAX && quickest() > TIME_MAX {
        return Err(format!("takes {:.1} s", first.as_secs_f64()));
    }
    leak(&told).map_or(Ok(()), |piece| Err(format!("{:?} shows {piece:?} of a Secret", told.said)))
}

fn timed(target: &Target, input: &[u8]) -> (Told, Duration) {
    let start = Instant::now();
    let told = (target.ask)(input);
    (told, start.elapsed())
}

fn secret(kind: &str, data: &[(&str, &[u8])]) -> Secret {
    let data: BTreeMap<_, _> =
        data.iter().map(|(key, bytes)| ((*key).to_owned(), ByteString(bytes.to_vec()))).collect();
    Secret { data: Some(data), type_: Some(kind.to_owned()), ..Secret::default() }
}
