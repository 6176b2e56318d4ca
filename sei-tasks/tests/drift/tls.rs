//! Every way from one source of a certificate to another, alone and together with an image: applied, or refused where it says so.

use sei_planner::api::{ConditionStatus, conditions as c};
use sei_tasks::sim::Options;
use sei_tasks::world::{Kind, ObjectId};
use serde_json::{Value, json};

use crate::edits::GROUNDS;
use crate::living::secrets::{NAMES, certificate};
use crate::living::{Life, V1, V2, with_issuers};
use crate::verdict::{follows_its_spec, restarts};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Off,
    Secret,
    Issuer(&'static str),
    Unknown,
}

impl Source {
    fn write(self, spec: &mut Value) {
        let tls = match self {
            Self::Off => {
                if let Some(sidecar) = spec.get_mut("sidecar").and_then(Value::as_object_mut) {
                    sidecar.remove("tls");
                }
                return;
            }
            Self::Secret => json!({"secretName": "rpc-0-tls"}),
            Self::Issuer(name) => json!({"issuerName": name}),
            Self::Unknown => json!({"issuerName": "nobody"}),
        };
        spec["sidecar"]["tls"] = tls;
    }
}

/// What becomes of a switch.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// The API server refuses it.
    Rejected,
    /// The operator refuses it, in a condition of this reason.
    Refused(&'static str),
    /// It is followed, with so many restarts.
    Followed(usize),
}

fn wanted(from: Source, to: Source, image_changes: bool) -> Fate {
    match (from, to) {
        (Source::Secret, to) if to != Source::Secret => Fate::Rejected,
        (from, Source::Secret) if from != Source::Secret => Fate::Rejected,
        (_, Source::Unknown) => Fate::Refused(c::ISSUER_NOT_ALLOWED),
        (from, to) if from == to => Fate::Followed(usize::from(image_changes)),
        (Source::Issuer(_), Source::Issuer(_)) => Fate::Followed(usize::from(image_changes)),
        (Source::Off | Source::Secret | Source::Issuer(_) | Source::Unknown, _) => Fate::Followed(1),
    }
}

fn running(from: Source) -> Life {
    let mut spec = json!({"fullNode": {}, "peers": [{"static": {"addresses": ["aa@peer.example:26656"]}}]});
    from.write(&mut spec);
    let mut life = Life::on(with_issuers(), spec, Options::default());
    life.sim().user_apply(certificate(&NAMES)).unwrap();
    life.runs(V1);
    life
}

#[test]
fn every_switch_of_the_source_of_a_certificate_is_followed_or_refused() {
    let from = [Source::Off, Source::Secret, Source::Issuer("ca"), Source::Issuer("other")];
    let to = [Source::Off, Source::Secret, Source::Issuer("ca"), Source::Issuer("other"), Source::Unknown];
    for from in from {
        let before = running(from);
        for (to, image) in to.into_iter().flat_map(|to| [(to, V1), (to, V2)]) {
            let what = format!("{from:?} to {to:?}, image {image}");
            let mut life = Life { driver: before.driver.fork(), key: before.key.clone() };
            let refused = life.sim().user_edit(&life.key, |spec| {
                to.write(spec);
                spec["image"] = json!(image);
            });
            let fate = if refused.is_some() {
                Fate::Rejected
            } else {
                life.driver.run_for(60).unwrap_or_else(|stopped| panic!("{what}: {stopped}"));
                let accepted = life.status().condition(c::SPEC_ACCEPTED).cloned();
                match accepted.filter(|known| known.reason != c::ACCEPTED) {
                    Some(known) => {
                        assert_eq!(known.reason, c::ISSUER_NOT_ALLOWED, "{what}");
                        Fate::Refused(c::ISSUER_NOT_ALLOWED)
                    }
                    None if from == Source::Secret => {
                        life.runs(image);
                        Fate::Followed(restarts(&life) - restarts(&before))
                    }
                    None => {
                        follows_its_spec(&mut life, &what);
                        Fate::Followed(restarts(&life) - restarts(&before))
                    }
                }
            };
            assert_eq!(fate, wanted(from, to, image != V1), "{what}");
        }
    }
}

/// A repair comes before the gate; when it is done, the gate is looked at again, and not at the next look that is due.
#[test]
fn a_gate_that_is_shut_while_something_is_repaired_is_opened_right_after() {
    let mut life = GROUNDS[2].running();
    life.sim().restart_sidecar(&life.key);
    life.sim().user_delete(&ObjectId::new(Kind::ConfigMap, &life.key.namespace, life.key.proxy_config()));
    life.driver.run_for(30).unwrap();
    assert!(life.child(Kind::ConfigMap, &life.key.proxy_config()).is_some());
    let ready = life.status().condition(c::SIDECAR_READY).map(|condition| condition.status);
    assert_eq!(ready, Some(ConditionStatus::True), "{:?}", life.status().plan);
}
