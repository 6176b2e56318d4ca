//! Finds eight bytes in a row of a secret in what was said: raw, escaped, as numbers, in hex or in base64, and also where the
//! secret itself is written in hex or base64.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Told;

/// Bytes in a row that nothing may show.
const WINDOW: usize = 8;
/// Shorter names are not taken out of what was said: nearly everything holds one.
const NAME_MIN: usize = 4;

/// The piece of a secret that is shown, as it was read.
pub fn leak(told: &Told) -> Option<String> {
    if told.secrets.iter().all(Vec::is_empty) {
        return None;
    }
    let words = vocabulary(told.vocabulary);
    let mut said: Vec<u64> = told.said.iter().flat_map(|text| windows(without(text, &told.names).as_bytes())).collect();
    said.retain(|window| !words.holds(*window));
    if said.is_empty() {
        return None;
    }
    let said = Seen::of(said);
    let mut shown = Vec::new();
    for secret in &told.secrets {
        Windows::over(secret, |window| {
            if said.holds(window) {
                shown.push(window)
            }
        });
    }
    if shown.is_empty() {
        return None;
    }
    let public = Seen::of(told.public.iter().flat_map(|text| windows(text)).collect());
    let piece = shown.iter().find(|window| !public.holds(**window))?;
    Some(piece.to_be_bytes().escape_ascii().to_string())
}

/// Windows in order, behind a table that answers most questions with no.
struct Seen {
    table: Vec<bool>,
    windows: Vec<u64>,
}

impl Seen {
    /// Places in the table, as a power of two.
    const BITS: u32 = 15;

    fn of(mut windows: Vec<u64>) -> Self {
        windows.sort_unstable();
        windows.dedup();
        let mut table = vec![false; 1 << Self::BITS];
        windows.iter().for_each(|window| table[Self::place(*window)] = true);
        Self { table, windows }
    }

    fn holds(&self, window: u64) -> bool {
        self.table[Self::place(window)] && self.windows.binary_search(&window).is_ok()
    }

    fn place(window: u64) -> usize {
        usize::try_from(window.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - Self::BITS)).unwrap_or_default()
    }
}

/// The windows of a vocabulary, as it stands in the source and as `Debug` writes it. Each is looked through once.
fn vocabulary(texts: &'static [&'static str]) -> Arc<Seen> {
    static KNOWN: Mutex<BTreeMap<usize, Arc<Seen>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let forms = || texts.iter().flat_map(|text| escaped(text));
    let made = || Arc::new(Seen::of(forms().flat_map(|text| windows(text.as_bytes())).collect()));
    known.entry(texts.as_ptr().addr()).or_insert_with(made).clone()
}

/// The text with a gap in the place of each name, longer ones first.
fn without(text: &str, names: &[String]) -> String {
    // No form of a name is shorter than the name.
    let names = names.iter().filter(|name| name.len() <= text.len());
    let mut forms: Vec<String> = names.flat_map(|name| escaped(name)).filter(|n| n.len() >= NAME_MIN).collect();
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.iter().fold(text.to_owned(), |text, form| text.replace(form.as_str(), "\u{0}"))
}

/// A text as it stands, and as `Debug` writes it, once and twice.
fn escaped(text: &str) -> [String; 3] {
    let debug = |text: &str| format!("{text:?}").trim_matches('"').to_owned();
    let once = debug(text);
    [debug(&once), once, text.to_owned()]
}

/// Every eight bytes in a row, however the text may be read.
fn windows(text: &[u8]) -> Vec<u64> {
    let mut found = Vec::with_capacity(4 * text.len());
    Windows::over(text, |window| found.push(window));
    found
}

/// Makes windows of bytes that come one after the other.
struct Windows<F> {
    each: F,
    last: u64,
    run: usize,
}

impl<F: FnMut(u64)> Windows<F> {
    /// Hands every window of every reading of a text to `each`.
    fn over(text: &[u8], each: F) {
        let mut windows = Self { each, last: 0, run: 0 };
        text.iter().for_each(|byte| windows.push(*byte));
        windows.unescaped(text);
        windows.numbers(text);
        (0..2).for_each(|skip| windows.digits(text, 4, skip, hex_digit));
        (0..4).for_each(|skip| windows.digits(text, 6, skip, base64_digit));
    }

    fn push(&mut self, byte: u8) {
        self.last = self.last << 8 | u64::from(byte);
        self.run += 1;
        if self.run >= WINDOW {
            (self.each)(self.last);
        }
    }

    /// What comes next does not follow what came before.
    fn cut(&mut self) {
        self.run = 0;
    }

    /// What digits of so many bits stand for, when the first ones of each run are skipped. Line ends are no break, so that
    /// PEM is one run.
    fn digits(&mut self, text: &[u8], bits: u32, skip: usize, digit: fn(u8) -> Option<u32>) {
        self.cut();
        let (mut held, mut have, mut run) = (0_u32, 0_u32, 0_usize);
        for byte in text.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
            let Some(value) = digit(*byte) else {
                self.cut();
                (held, have, run) = (0, 0, 0);
                continue;
            };
            run += 1;
            if run <= skip {
                continue;
            }
            (held, have) = (held << bits | value, have + bits);
            if have >= 8 {
                have -= 8;
                self.push(u8::try_from(held >> have & 0xff).unwrap_or_default());
                held &= (1 << have) - 1;
            }
        }
    }

    /// `1, 2, 3` as bytes; digits with anything else between them, as in a date, are no list.
    fn numbers(&mut self, text: &[u8]) {
        for list in text.split(|byte| !byte.is_ascii_digit() && !matches!(byte, b',' | b' ')) {
            self.cut();
            for word in list.split(|byte| *byte == b',') {
                match std::str::from_utf8(word).map(|word| word.trim().parse()) {
                    Ok(Ok(byte)) => self.push(byte),
                    Ok(Err(_)) | Err(_) => self.cut(),
                }
            }
        }
    }

    /// `\n`, `\"`, `\x1f`, `\u{1f}` and `\u001f` as the characters they are.
    fn unescaped(&mut self, text: &[u8]) {
        self.cut();
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            rest = match after.split_first().filter(|_| *first == b'\\') {
                Some((kind, after)) => self.escape(*kind, after),
                None => {
                    self.push(*first);
                    after
                }
            };
        }
    }

    /// What stands behind a backslash; the rest of the text.
    fn escape<'a>(&mut self, kind: u8, after: &'a [u8]) -> &'a [u8] {
        match kind {
            b'n' => self.push(b'\n'),
            b'r' => self.push(b'\r'),
            b't' => self.push(b'\t'),
            b'x' | b'u' => return self.code(kind, after),
            other => self.push(other),
        }
        after
    }

    fn code<'a>(&mut self, kind: u8, after: &'a [u8]) -> &'a [u8] {
        let braced = after.strip_prefix(b"{").filter(|_| kind == b'u');
        let digits = braced.unwrap_or(after);
        let most = match (kind, braced) {
            (b'x', _) => 2,
            (_, None) => 4,
            (_, Some(_)) => 6,
        };
        let count = digits.iter().take(most).take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (digits, rest) = digits.split_at(count);
        let value = digits.iter().filter_map(|byte| hex_digit(*byte)).fold(0, |sum, digit| sum << 4 | digit);
        match u8::try_from(value) {
            Ok(byte) if kind == b'x' => self.push(byte),
            Ok(_) | Err(_) => char::from_u32(value).unwrap_or_default().to_string().bytes().for_each(|b| self.push(b)),
        }
        if braced.is_some() { rest.strip_prefix(b"}").unwrap_or(rest) } else { rest }
    }
}

fn hex_digit(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

fn base64_digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}
