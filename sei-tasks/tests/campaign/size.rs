//! How much of the campaign runs.

/// How much of each layer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// With the other tests: some of everything.
    Smoke,
    /// Before a change is merged.
    Change,
    /// All there is.
    Nightly,
}

impl Size {
    /// The size that was asked for.
    pub(crate) fn chosen() -> Self {
        match std::env::var("CAMPAIGN").as_deref() {
            Err(_) | Ok("smoke") => Self::Smoke,
            Ok("change") => Self::Change,
            Ok("nightly") => Self::Nightly,
            Ok(other) => panic!("CAMPAIGN is {other:?}; write smoke, change or nightly"),
        }
    }

    /// One of three.
    pub(crate) fn of<T>(self, smoke: T, change: T, nightly: T) -> T {
        match self {
            Self::Smoke => smoke,
            Self::Change => change,
            Self::Nightly => nightly,
        }
    }
}
