//! What is written: data on stdout, everything else on stderr, colour only where a person looks.

mod yaml;

use std::io::{self, IsTerminal, Write};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

pub(crate) use yaml::yaml;

/// Version of every JSON document this program writes. A field is added without a new version; none is removed or
/// changes its meaning.
pub(crate) const FORMAT_VERSION: &str = "1";

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

impl Paint {
    /// No colours.
    pub(crate) const PLAIN: Self = Self(false);

    /// Colours for stdout.
    pub(crate) fn stdout() -> Self {
        Self(io::stdout().is_terminal() && wanted())
    }

    /// Colours for stderr.
    pub(crate) fn stderr() -> Self {
        Self(io::stderr().is_terminal() && wanted())
    }

    /// Errors, and what destroys.
    pub(crate) fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// Warnings, and what restarts.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.with("1;33", text)
    }

    /// What is well.
    pub(crate) fn green(self, text: &str) -> String {
        self.with("1;32", text)
    }

    /// Structure.
    pub(crate) fn blue(self, text: &str) -> String {
        self.with("1;34", text)
    }

    /// Headings.
    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// <https://no-color.org>: any value but an empty one asks for no colour.
fn wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes data to stdout. A reader that has seen enough (`| head`) is no error.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub(crate) fn data(text: &str) -> io::Result<()> {
    offer(text).map(drop)
}

/// Writes data to stdout, and says whether anybody still reads it: who writes for ever must know.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub(crate) fn offer(text: &str) -> io::Result<bool> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| true),
    }
}

/// Writes to stderr; there is nobody to tell when that fails.
pub(crate) fn chatter(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether stdout is a screen that can be drawn on, and somebody looks at it.
pub(crate) fn is_screen() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !dumb
}

/// The JSON Schema of what a command prints.
pub(crate) fn schema_of<T: JsonSchema>(title: &str) -> schemars::Schema {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema
}

/// A value as indented JSON with a newline at its end.
///
/// # Errors
/// When the value has no JSON form.
pub(crate) fn json(value: &impl Serialize) -> io::Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}
