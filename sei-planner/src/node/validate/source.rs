//! The first state of a node, and the snapshots it produces.

use super::Check;
use crate::api::{SeiNodeSpec, SnapshotGeneration, SnapshotSource};
use crate::node::valid::{InitSource, Mode, Snapshots, SyncSettings};

impl Check {
    /// How the node gets its first state. An archive never has a snapshot: it keeps the history from genesis on (B7).
    pub(super) fn source(&mut self, spec: &SeiNodeSpec, mode: Mode) -> InitSource {
        let snapshot = match mode {
            Mode::FullNode => spec.full_node.as_ref().and_then(|node| node.snapshot.as_ref()),
            Mode::Archive => None,
            Mode::Replayer => spec.replayer.as_ref().map(|node| &node.snapshot),
            Mode::Validator => spec.validator.as_ref().and_then(|node| node.snapshot.as_ref()),
        };
        if mode == Mode::Replayer {
            self.replayer(spec);
        }
        let founds_a_chain = spec.validator.as_ref().is_some_and(|node| node.genesis_ceremony.is_some());
        match snapshot {
            Some(snapshot) if !founds_a_chain => self.snapshot(mode, snapshot),
            Some(_) | None => InitSource::Genesis,
        }
    }

    fn snapshot(&mut self, mode: Mode, snapshot: &SnapshotSource) -> InitSource {
        let field = format!("spec.{}.snapshot", mode.field());
        let sync = SyncSettings {
            trust_period: snapshot.trust_period.clone().unwrap_or_default(),
            backfill_blocks: snapshot.backfill_blocks.unwrap_or_default(),
        };
        let bootstrap_image = snapshot.bootstrap_image.clone().filter(|image| !image.is_empty());
        if bootstrap_image.is_some() && snapshot.s3.as_ref().is_none_or(|s3| s3.target_height <= 0) {
            let message = format!("{}: bootstrapImage requires s3 with targetHeight > 0", mode.field());
            self.invalid("SEI0103", &field, message);
        }
        match (&snapshot.s3, &snapshot.state_sync) {
            (Some(s3), None) if s3.target_height > 0 => {
                InitSource::S3 { target_height: s3.target_height, sync, bootstrap_image }
            }
            (Some(s3), None) => {
                self.invalid(
                    "SEI0105",
                    format!("{field}.s3.targetHeight"),
                    format!("is {}: write a height of at least 1", s3.target_height),
                );
                InitSource::Genesis
            }
            (None, Some(_)) => InitSource::StateSync(sync),
            (both, _) => {
                let found = if both.is_some() { "both" } else { "none" };
                self.invalid("SEI0105", field, format!("names {found} of s3 and stateSync: write exactly one"));
                InitSource::Genesis
            }
        }
    }

    fn replayer(&mut self, spec: &SeiNodeSpec) {
        let Some(replayer) = &spec.replayer else { return };
        if replayer.snapshot.s3.is_none() {
            self.invalid("SEI0115", "spec.replayer.snapshot", "replayer requires an S3 snapshot source: write s3");
        }
        if spec.peers.is_empty() {
            self.invalid("SEI0116", "spec.peers", "replayer requires at least one peer source for block sync");
        }
        if replayer.result_export.as_ref().is_some_and(|export| export.shadow_result.is_none()) {
            self.invalid(
                "SEI0117",
                "spec.replayer.resultExport",
                "replayer: resultExport is set but has no sub-struct (e.g., shadowResult); omit it to disable result export",
            );
        }
    }

    /// What the node publishes; only full nodes and archives produce snapshots.
    pub(super) fn snapshots(&mut self, spec: &SeiNodeSpec, mode: Mode) -> Option<Snapshots> {
        let generation = match mode {
            Mode::FullNode => spec.full_node.as_ref().and_then(|node| node.snapshot_generation.as_ref()),
            Mode::Archive => spec.archive.as_ref().and_then(|node| node.snapshot_generation.as_ref()),
            Mode::Replayer | Mode::Validator => None,
        };
        self.generation(mode.field(), generation?)
    }

    fn generation(&mut self, mode: &str, generation: &SnapshotGeneration) -> Option<Snapshots> {
        let field = format!("spec.{mode}.snapshotGeneration");
        let Some(tendermint) = &generation.tendermint else {
            let message = format!(
                "{mode}: snapshotGeneration is set but has no sub-struct (e.g., tendermint); omit it to disable snapshot generation"
            );
            self.invalid("SEI0106", field, message);
            return None;
        };
        let snapshots = Snapshots::of(tendermint);
        if snapshots.publish && snapshots.keep_recent < 2 {
            let message = format!(
                "{mode}: snapshotGeneration.tendermint.keepRecent must be >= 2 when publish is set (upload algorithm requires the second-to-latest snapshot)"
            );
            self.invalid("SEI0107", format!("{field}.tendermint.keepRecent"), message);
        }
        Some(snapshots)
    }
}
