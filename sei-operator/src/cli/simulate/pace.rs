//! How fast virtual time runs against that of the wall. The only place that waits.

use std::time::Duration;

/// Longest real wait between two looks at the status line, in seconds.
const FRAME_SECONDS: f64 = 0.1;

/// Virtual seconds per real second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Speed {
    /// As fast as it goes.
    Max,
    /// So many.
    Times(f64),
}

/// Reads `max`, or a number.
pub(super) fn speed(text: &str) -> Result<Speed, String> {
    if text.eq_ignore_ascii_case("max") {
        return Ok(Speed::Max);
    }
    match text.parse::<f64>() {
        Ok(times) if times.is_finite() && times > 0.0 => Ok(Speed::Times(times)),
        Ok(_) | Err(_) => {
            Err(format!("{text:?} is no speed: write virtual seconds per real second, for example 60, or max"))
        }
    }
}

/// Lets real time pass.
pub(super) trait Pacer {
    /// Waits so long.
    fn wait(&mut self, time: Duration);
}

/// The real time.
pub(super) struct WallClock;

impl Pacer for WallClock {
    fn wait(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Waits between two moments of virtual time, and tells the virtual time of every frame on the way.
pub(super) fn pass(speed: Speed, from: i64, to: i64, pacer: &mut dyn Pacer, mut frame: impl FnMut(i64)) {
    let Speed::Times(times) = speed else { return };
    let real_seconds = (to - from) as f64 / times;
    let frames = (real_seconds / FRAME_SECONDS).ceil().max(1.0);
    let Ok(wait) = Duration::try_from_secs_f64(real_seconds / frames) else { return };
    let mut passed = 0.0;
    while passed < frames {
        frame(from + ((to - from) as f64 * passed / frames) as i64);
        pacer.wait(wait);
        passed += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts instead of waiting.
    #[derive(Default)]
    struct Counted {
        waits: u32,
        total: Duration,
    }

    impl Pacer for Counted {
        fn wait(&mut self, time: Duration) {
            self.waits += 1;
            self.total += time;
        }
    }

    fn passed(speed: Speed, from: i64, to: i64) -> (u32, Duration, Vec<i64>) {
        let (mut pacer, mut frames) = (Counted::default(), Vec::new());
        pass(speed, from, to, &mut pacer, |at| frames.push(at));
        (pacer.waits, pacer.total, frames)
    }

    #[test]
    fn a_minute_at_sixty_is_a_second_in_ten_frames() {
        let (waits, total, frames) = passed(Speed::Times(60.0), 100, 160);
        assert_eq!((waits, total), (10, Duration::from_secs(1)));
        assert_eq!(frames, [100, 106, 112, 118, 124, 130, 136, 142, 148, 154]);
    }

    #[test]
    fn short_waits_are_one_frame_and_max_never_waits() {
        assert_eq!(passed(Speed::Times(3600.0), 0, 36), (1, Duration::from_millis(10), vec![0]));
        assert_eq!(passed(Speed::Max, 0, 172_800), (0, Duration::ZERO, vec![]));
    }

    #[test]
    fn speeds_are_numbers_above_zero_or_max() {
        assert_eq!(speed("max"), Ok(Speed::Max));
        assert_eq!(speed("0.5"), Ok(Speed::Times(0.5)));
        for bad in ["0", "-1", "fast", "inf", "NaN", ""] {
            assert!(speed(bad).is_err_and(|error| error.contains("is no speed: write virtual seconds")), "{bad}");
        }
    }
}
