//! Time on the wire: RFC 3339, UTC, whole seconds.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time with the precision the API server keeps (one second).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Timestamp);

impl Time {
    /// The second that `at` lies in.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        // Both bounds of `Timestamp` are whole seconds away from overflow, so truncation always succeeds.
        Self(Timestamp::from_second(at.as_second()).unwrap_or(at))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// This time and `seconds` more; stops at the end of representable time.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        let later = self.0.saturating_add(SignedDuration::from_secs(seconds));
        Self(later.unwrap_or(Timestamp::MAX))
    }

    /// Seconds from `earlier` to this time, negative when it lies after.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> i64 {
        self.unix_seconds() - earlier.unix_seconds()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(Self::at)
    }
}

impl JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}
