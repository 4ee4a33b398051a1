//! "Did you mean": the known name that looks most like a wrong one.

/// Longest name that is compared, in bytes: what is longer has no near neighbour.
const MAX_NAME_BYTES: usize = 128;
/// Most names that are compared.
const MAX_NAMES: usize = 1_000;

/// The name among `known` that differs from `wrong` by the fewest edits, if these are at most a third of its
/// length (and at least one is allowed), and no more than half of the longer name. Never `wrong` itself, which may
/// have come to be known meanwhile.
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    if wrong.len() > MAX_NAME_BYTES {
        return None;
    }
    let allowed = (wrong.chars().count() / 3).max(1);
    known
        .take(MAX_NAMES)
        .filter(|name| name.len().abs_diff(wrong.len()) <= 4 * allowed)
        .map(|name| (edits(wrong, name), name))
        .filter(|(edits, name)| (1..=allowed).contains(edits) && 2 * edits <= longer(wrong, name))
        .min_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(b.1)))
        .map(|(_, name)| name.to_owned())
}

/// The same among the paths of methods; where none is near, the first of which `wrong` is the beginning or the end: the
/// object without its method, or the method without its object.
pub(crate) fn nearest_path<'a>(wrong: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    nearest(wrong, known.clone()).or_else(|| {
        let part = wrong.trim_matches('/');
        let is_part = |path: &&str| {
            let before = path.strip_suffix(part).is_some_and(|before| before.ends_with('/'));
            before || path.strip_prefix(part).is_some_and(|behind| behind.starts_with('/'))
        };
        known.take(MAX_NAMES).find(is_part).filter(|_| !part.is_empty()).map(str::to_owned)
    })
}

/// The length of the longer name, in characters.
fn longer(a: &str, b: &str) -> usize {
    a.chars().count().max(b.chars().count())
}

/// Levenshtein distance, in characters.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_finds_none() {
        let known = ["counter", "market", "household-1"];
        assert_eq!(nearest("conter", known.into_iter()).as_deref(), Some("counter"));
        assert_eq!(nearest("household-2", known.into_iter()).as_deref(), Some("household-1"));
        assert_eq!(nearest("zebra", known.into_iter()), None);
        // Nothing is left of one letter that is another one.
        assert_eq!(nearest("x", ["a", "0"].into_iter()), None);
        assert_eq!(nearest("market", ["market", "markets"].into_iter()).as_deref(), Some("markets"));
        assert_eq!(nearest("", ["a"].into_iter()), None);
        assert_eq!(nearest("ad", ["add"].into_iter()).as_deref(), Some("add"));
        assert_eq!(nearest(&"x".repeat(1_000_000), known.into_iter()), None);
    }
}
