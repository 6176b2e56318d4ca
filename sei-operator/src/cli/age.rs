//! Times as people read them: how long ago, as kubectl writes it.

use sei_planner::api::Time;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A length of time in at most two units: the finer one goes as the length grows.
pub(super) fn length(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let two = |unit: i64, big: &str, part: i64, small: &str| match seconds % unit / part {
        0 => format!("{}{big}", seconds / unit),
        rest => format!("{}{big}{rest}{small}", seconds / unit),
    };
    match seconds {
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if seconds < 10 * MINUTE => two(MINUTE, "m", 1, "s"),
        _ if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        _ if seconds < 8 * HOUR => two(HOUR, "h", MINUTE, "m"),
        _ if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        _ if seconds < 8 * DAY => two(DAY, "d", HOUR, "h"),
        _ => format!("{}d", seconds / DAY),
    }
}

/// How long ago that was; nothing where nobody knows.
pub(super) fn age(since: Option<Time>, now: Time) -> String {
    since.map(|since| length(now.seconds_since(since))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units_at_most() {
        let lengths = [-5, 0, 119, 120, 599, 600, 10_799, 10_800, 10_860, 28_800, 172_799, 172_800, 180_000, 999_999];
        let told = ["0s", "0s", "119s", "2m", "9m59s", "10m", "179m", "3h", "3h1m", "8h", "47h", "2d", "2d2h", "11d"];
        assert_eq!(lengths.map(length), told);
    }
}
