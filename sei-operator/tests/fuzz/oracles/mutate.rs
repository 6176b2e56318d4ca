//! Inputs that are almost right: changes of bytes, words of the format, and, where the input holds JSON, changes of its tree.

use serde_json::{Value, json};

/// A stream of numbers that looks random and is the same for the same seed (xorshift).
pub struct Random(u64);

impl Random {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or_default()
    }
}

/// The input, changed.
pub fn mutated(input: &[u8], words: &[&str], random: &mut Random) -> Vec<u8> {
    if random.below(2) == 0
        && let Some(changed) = with_another_tree(input, random)
    {
        return changed;
    }
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(3) {
        change(&mut bytes, words, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, words: &[&str], random: &mut Random) {
    let start = random.below(bytes.len() + 1);
    let end = (start + random.below(16)).min(bytes.len());
    match random.below(6) {
        0 => bytes.insert(start, random.next().to_le_bytes()[0]),
        1 => drop(bytes.drain(start..end)),
        2 => {
            let copy = bytes[start..end].to_vec();
            let at = random.below(bytes.len() + 1);
            bytes.splice(at..at, copy);
        }
        3 => {
            let word = words.get(random.below(words.len())).copied().unwrap_or_default();
            bytes.splice(start..end.min(start + random.below(2) * 16), word.bytes());
        }
        4 => {
            if let Some(byte) = bytes.get_mut(start) {
                *byte ^= 1 << random.below(8);
            }
        }
        _ => bytes.truncate(start.max(bytes.len() / 2)),
    }
}

/// The input with another tree in the place of its JSON, which may stand behind a first line.
fn with_another_tree(input: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let head = input.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let (head, mut tree) = [0, head].into_iter().find_map(|head| {
        let tree: Value = serde_json::from_slice(&input[head..]).ok()?;
        Some((head, tree))
    })?;
    for _ in 0..=random.below(2) {
        let count = count(&tree);
        let donor = at(&mut tree, &mut random.below(count)).map(|value| value.clone());
        let place = at(&mut tree, &mut random.below(count))?;
        *place = another(place, donor, random);
    }
    Some([&input[..head], tree.to_string().as_bytes()].concat())
}

fn count(tree: &Value) -> usize {
    match tree {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
        Value::Array(elements) => 1 + elements.iter().map(count).sum::<usize>(),
        Value::Object(entries) => 1 + entries.values().map(count).sum::<usize>(),
    }
}

/// The value that stands so many steps behind the root.
fn at<'a>(tree: &'a mut Value, steps: &mut usize) -> Option<&'a mut Value> {
    if *steps == 0 {
        return Some(tree);
    }
    *steps -= 1;
    match tree {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        Value::Array(elements) => elements.iter_mut().find_map(|inner| at(inner, steps)),
        Value::Object(entries) => entries.values_mut().find_map(|inner| at(inner, steps)),
    }
}

fn another(old: &Value, donor: Option<Value>, random: &mut Random) -> Value {
    match (random.below(6), old) {
        (0, _) => donor.unwrap_or_default(),
        (1, Value::Object(entries)) => {
            let gone = random.below(entries.len());
            entries.iter().enumerate().filter(|(i, _)| *i != gone).map(|(_, (k, v))| (k.clone(), v.clone())).collect()
        }
        (2, Value::Array(elements)) => elements.iter().chain(elements.last()).cloned().collect(),
        (3, Value::String(text)) => {
            let mut bytes = text.clone().into_bytes();
            change(&mut bytes, &["", " ", "é", "\u{0}", "A"], random);
            json!(String::from_utf8_lossy(&bytes))
        }
        (4, Value::Number(number)) => json!(number.as_i64().unwrap_or_default().wrapping_add(1 << random.below(63))),
        _ => {
            let values =
                [json!(null), json!({}), json!([]), json!(""), json!(0), json!(-1), json!(i64::MAX), json!(true)];
            values[random.below(values.len())].clone()
        }
    }
}
