//! What cert-manager says of a Certificate that is not issued, in its own words.

use serde_json::Value;

/// Most characters of a message that are passed on.
const MESSAGE_CHARS_MAX: usize = 400;

/// Reason and message of the condition that tells why there is no certificate yet: that the last attempt failed, else that
/// the Certificate is not ready.
#[must_use]
pub fn certificate_says(certificate: &Value) -> String {
    let failed = condition(certificate, "Issuing").filter(|found| found["reason"] == "Failed");
    let not_ready = condition(certificate, "Ready").filter(|found| found["status"] != "True");
    match failed.or(not_ready) {
        Some(found) => {
            let text = |member: &str| found[member].as_str().unwrap_or_default().to_owned();
            let message: String = text("message").chars().take(MESSAGE_CHARS_MAX).collect();
            format!("{}: {message}", text("reason"))
        }
        None => "cert-manager has not said why".to_owned(),
    }
}

fn condition<'a>(certificate: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = certificate["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == kind)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::certificate_says;

    #[test]
    fn a_failed_attempt_says_more_than_not_ready() {
        let not_ready = json!({"type": "Ready", "status": "False", "reason": "DoesNotExist", "message": "no Secret"});
        let failed = json!({"type": "Issuing", "status": "False", "reason": "Failed", "message": "no such issuer"});
        let ready = json!({"type": "Ready", "status": "True", "reason": "Ready", "message": "up to date"});
        let says = |conditions| certificate_says(&json!({ "status": { "conditions": conditions } }));
        assert_eq!(says(json!([not_ready, failed])), "Failed: no such issuer");
        assert_eq!(says(json!([not_ready])), "DoesNotExist: no Secret");
        assert_eq!(says(json!([ready])), "cert-manager has not said why");
        assert_eq!(certificate_says(&json!({})), "cert-manager has not said why");
    }
}
