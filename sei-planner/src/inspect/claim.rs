//! A claim that somebody else made and a node is to use, and the volume behind it. Only looked at, never changed.

use serde_json::Value;

use super::{Flaw, Verdict, bad, not_yet};
use crate::quantity::Quantity;

/// Access modes that let one node write.
const WRITERS: [&str; 2] = ["ReadWriteOnce", "ReadWriteOncePod"];

/// Checks an imported claim; the name of its volume when it passes.
///
/// More storage than required is fine. Storage class, volume mode and who else uses the claim are not looked at.
#[must_use]
pub fn imported_claim(claim: Option<&Value>, name: &str, namespace: &str, required: &Quantity) -> Verdict<String> {
    check_claim(claim, name, namespace, required).into()
}

/// Checks the volume of an imported claim that passed [`imported_claim`].
#[must_use]
pub fn imported_volume(pv: Option<&Value>, pv_name: &str, claim: &Value, claim_name: &str) -> Verdict<()> {
    check_volume(pv, pv_name, claim, claim_name).into()
}

fn check_claim(claim: Option<&Value>, name: &str, namespace: &str, required: &Quantity) -> Result<String, Flaw> {
    let Some(claim) = claim else {
        return not_yet(format!("PVC {name:?} not found in namespace {namespace:?}"));
    };
    if let Some(since) = claim["metadata"]["deletionTimestamp"].as_str() {
        return not_yet(format!("PVC {name:?} is being deleted (deletionTimestamp={since})"));
    }
    match claim["status"]["phase"].as_str().unwrap_or_default() {
        "Bound" => {}
        "Lost" => return bad(format!("PVC {name:?} phase is Lost; underlying PV is gone")),
        phase => return not_yet(format!("PVC {name:?} phase is {phase:?}, waiting for Bound")),
    }
    can_be_written(claim, name)?;
    holds_enough(claim, name, required)?;
    let volume = claim["spec"]["volumeName"].as_str().filter(|volume| !volume.is_empty());
    volume.map_or_else(|| not_yet(format!("PVC {name:?} is Bound but has no spec.volumeName")), |v| Ok(v.to_owned()))
}

fn can_be_written(claim: &Value, name: &str) -> Result<(), Flaw> {
    let modes = claim["spec"]["accessModes"].as_array().into_iter().flatten();
    let modes: Vec<&str> = modes.filter_map(Value::as_str).collect();
    if modes.iter().any(|mode| WRITERS.contains(mode)) {
        return Ok(());
    }
    let found = modes.join(" ");
    bad(format!("PVC {name:?} accessModes [{found}] must include ReadWriteOnce or ReadWriteOncePod"))
}

fn holds_enough(claim: &Value, name: &str, required: &Quantity) -> Result<(), Flaw> {
    let capacity = &claim["status"]["capacity"]["storage"];
    match size(capacity) {
        None => not_yet(format!("PVC {name:?} has no status.capacity.storage reported yet")),
        Some(size) if size < required.nanos() => {
            let (found, required) = (written(capacity), required.canonical());
            bad(format!("PVC {name:?} capacity {found} is less than required {required}"))
        }
        Some(_) => Ok(()),
    }
}

fn check_volume(pv: Option<&Value>, pv_name: &str, claim: &Value, claim_name: &str) -> Result<(), Flaw> {
    let Some(pv) = pv else {
        return not_yet(format!("underlying PV {pv_name:?} for PVC {claim_name:?} not found"));
    };
    if pv["status"]["phase"] == "Failed" {
        return bad(format!("underlying PV {pv_name:?} for PVC {claim_name:?} is in phase Failed"));
    }
    let (of_pv, of_claim) = (&pv["spec"]["capacity"]["storage"], &claim["status"]["capacity"]["storage"]);
    if size(of_pv).is_some() && size(of_pv) == size(of_claim) {
        return Ok(());
    }
    let (of_pv, of_claim) = (written(of_pv), written(of_claim));
    bad(format!("underlying PV {pv_name:?} capacity {of_pv} does not match PVC {claim_name:?} capacity {of_claim}"))
}

/// A quantity in billionths.
fn size(quantity: &Value) -> Option<i128> {
    quantity.as_str()?.parse::<Quantity>().ok().map(|quantity| quantity.nanos())
}

/// A quantity as it stands there; an absent one is nothing.
fn written(quantity: &Value) -> &str {
    quantity.as_str().unwrap_or("0")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({
            "spec": { "accessModes": ["ReadOnlyMany", "ReadWriteOnce"], "volumeName": "pv" },
            "status": { "phase": "Bound", "capacity": { "storage": "1Ti" } },
        })
    }

    /// The good claim with another value at a path.
    fn with(path: &str, value: Value) -> Value {
        let mut claim = good();
        *claim.pointer_mut(path).unwrap() = value;
        claim
    }

    fn verdict(claim: &Value) -> Verdict<String> {
        imported_claim(Some(claim), "c", "ns", &"1024Gi".parse().unwrap())
    }

    #[test]
    fn a_good_claim_names_its_volume() {
        assert_eq!(verdict(&good()), Verdict::Good("pv".to_owned()));
        assert_eq!(verdict(&with("/spec/accessModes", json!(["ReadWriteOncePod"]))), Verdict::Good("pv".to_owned()));
    }

    #[test]
    fn what_time_may_mend_is_looked_at_again() {
        let missing = Verdict::NotYet(r#"PVC "c" not found in namespace "ns""#.to_owned());
        assert_eq!(imported_claim(None, "c", "ns", &Quantity::zero()), missing);
        let mut going = with("/status/phase", json!("Lost"));
        going["metadata"] = json!({ "deletionTimestamp": "2026-05-17T15:09:30Z" });
        let cases = [
            (going, r#"PVC "c" is being deleted (deletionTimestamp=2026-05-17T15:09:30Z)"#),
            (with("/status/phase", json!("Pending")), r#"PVC "c" phase is "Pending", waiting for Bound"#),
            (with("/status", json!({})), r#"PVC "c" phase is "", waiting for Bound"#),
            (with("/status/capacity", json!({})), r#"PVC "c" has no status.capacity.storage reported yet"#),
            (with("/spec/volumeName", json!("")), r#"PVC "c" is Bound but has no spec.volumeName"#),
        ];
        for (claim, message) in cases {
            assert_eq!(verdict(&claim), Verdict::NotYet(message.to_owned()));
        }
    }

    #[test]
    fn what_stays_wrong_is_refused() {
        let modes = json!(["ReadOnlyMany", "ReadWriteMany"]);
        let cases = [
            (with("/status/phase", json!("Lost")), r#"PVC "c" phase is Lost; underlying PV is gone"#),
            (
                with("/spec/accessModes", modes),
                r#"PVC "c" accessModes [ReadOnlyMany ReadWriteMany] must include ReadWriteOnce or ReadWriteOncePod"#,
            ),
            (with("/status/capacity/storage", json!("1023Gi")), r#"PVC "c" capacity 1023Gi is less than required 1Ti"#),
        ];
        for (claim, message) in cases {
            assert_eq!(verdict(&claim), Verdict::Bad(message.to_owned()));
        }
    }

    #[test]
    fn the_volume_must_be_there_whole_and_of_the_claims_size() {
        let verdict = |pv: Option<Value>| imported_volume(pv.as_ref(), "pv", &good(), "c");
        let missing = Verdict::NotYet(r#"underlying PV "pv" for PVC "c" not found"#.to_owned());
        assert_eq!(verdict(None), missing);
        let pv = |phase: &str, size: &str| json!({"spec":{"capacity":{"storage":size}},"status":{"phase":phase}});
        assert_eq!(verdict(Some(pv("Released", "1024Gi"))), Verdict::Good(()));
        let failed = Verdict::Bad(r#"underlying PV "pv" for PVC "c" is in phase Failed"#.to_owned());
        assert_eq!(verdict(Some(pv("Failed", "1Ti"))), failed);
        let differs = |size: &str| {
            Verdict::Bad(format!(r#"underlying PV "pv" capacity {size} does not match PVC "c" capacity 1Ti"#))
        };
        assert_eq!(verdict(Some(pv("Bound", "2Ti"))), differs("2Ti"));
        assert_eq!(verdict(Some(json!({}))), differs("0"));
    }
}
