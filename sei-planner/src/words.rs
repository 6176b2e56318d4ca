//! Slips of the pen: the known word that an unknown one most likely stands for.

/// The candidate that `word` is most likely a slip of, if one is close enough.
#[must_use]
pub fn did_you_mean<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let slips_max = (word.chars().count() / 3).clamp(1, 3);
    let lower = word.to_lowercase();
    let length = lower.chars().count();
    let lowered = candidates.map(|candidate| (candidate, candidate.to_lowercase()));
    // A slip changes the length by one at most. Words come from users and may be as long as an object, and the table of edits
    // is as large as both words together.
    let possible = lowered.filter(|(_, other)| other.chars().count().abs_diff(length) <= slips_max);
    let near = possible.map(|(candidate, other)| (edits(&lower, &other), candidate)).min()?;
    (near.0 <= slips_max).then_some(near.1)
}

/// Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut least =
                (cell(&row, j) + usize::from(from != *to)).min(cell(&row, j + 1) + 1).min(cell(&next, j) + 1);
            let swapped = j > 0 && previous == Some(*to) && b.get(j - 1) == Some(&from);
            if swapped {
                least = least.min(cell(&before, j - 1) + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
        previous = Some(from);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, edits};

    #[test]
    fn slips_are_counted() {
        for (a, b, count) in [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1), ("ab", "xyab", 2)] {
            assert_eq!(edits(a, b), count, "{a} {b}");
        }
    }

    /// Compared letter by letter, these would take days.
    #[test]
    fn words_of_the_size_of_an_object_are_told_apart_by_their_lengths() {
        let candidates: Vec<String> = (0..200).map(|i| "x".repeat((1 << 19) - i)).collect();
        assert_eq!(did_you_mean(&"x".repeat(1 << 20), candidates.iter().map(String::as_str)), None);
    }

    #[test]
    fn only_near_words_are_suggested() {
        let fields = ["chainId", "image", "peers", "sidecar"];
        let cases = [
            ("chainID", Some("chainId")),
            ("chain_id", Some("chainId")),
            ("peer", Some("peers")),
            ("storage", None),
            ("x", None),
        ];
        for (word, suggestion) in cases {
            assert_eq!(did_you_mean(word, fields.into_iter()), suggestion, "{word}");
        }
    }
}
