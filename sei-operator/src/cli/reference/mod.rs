//! What people look up: types of tasks, conditions and their reasons, settings of the platform, metrics. Each is told from where it is
//! defined, so that no text is written twice.

mod conditions;
mod metrics;
mod settings;
mod tasks;

use sei_planner::words::did_you_mean;

/// A table of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// Codes of diagnostics.
    Codes,
    /// Types of tasks.
    Tasks,
    /// Conditions, their reasons, and events.
    Conditions,
    /// Settings of the platform.
    Settings,
    /// Metrics of the operator.
    Metrics,
}

impl Table {
    /// Every table.
    pub(super) const ALL: [Self; 5] = [Self::Codes, Self::Tasks, Self::Conditions, Self::Settings, Self::Metrics];

    /// The word that asks for it, and what it is.
    pub(super) fn topic(self) -> (&'static str, &'static str) {
        match self {
            Self::Codes => ("codes", "what each diagnostic means, and what to do"),
            Self::Tasks => ("tasks", "what each task of a plan does, and when it ends"),
            Self::Conditions => ("conditions", "what the conditions and events of a node say"),
            Self::Settings => ("settings", "the settings of the platform"),
            Self::Metrics => ("metrics", "what the operator measures of itself and its nodes"),
        }
    }

    /// The whole table in Markdown.
    pub(super) fn markdown(self) -> String {
        match self {
            Self::Codes => super::explain::codes_table(),
            Self::Tasks => tasks::table(),
            Self::Conditions => conditions::table(),
            Self::Settings => settings::table(),
            Self::Metrics => metrics::table(),
        }
    }
}

/// What there is to say about one word: the type of a task, a condition, a reason, an event, a setting or a metric.
pub(super) fn about(word: &str) -> Option<String> {
    tasks::about(word)
        .or_else(|| conditions::about(word))
        .or_else(|| settings::about(word))
        .or_else(|| metrics::about(word))
}

/// The word that this one is most likely a slip of.
pub(super) fn nearest(word: &str) -> Option<String> {
    let topics = Table::ALL.map(|table| table.topic().0.to_owned());
    let words = tasks::words().chain(conditions::words()).chain(settings::words()).chain(metrics::words());
    let all: Vec<String> = topics.into_iter().chain(words).collect();
    did_you_mean(word, all.iter().map(String::as_str)).map(str::to_owned)
}
