//! Patterns of `kv.scan`: `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and `\` before what is meant itself.

pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    at(&pattern, &text)
}

fn at(pattern: &[char], text: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return text.is_empty();
    };
    match first {
        '*' => (0..=text.len()).any(|skipped| at(rest, &text[skipped..])),
        '?' => !text.is_empty() && at(rest, &text[1..]),
        '\\' if !rest.is_empty() => text.first() == Some(&rest[0]) && at(&rest[1..], &text[1..]),
        '[' => match (class(rest), text.first()) {
            (Some((set, after)), Some(found)) => set.holds(*found) && at(after, &text[1..]),
            (Some(_), None) => false,
            (None, found) => found == Some(&'[') && at(rest, &text[1..]),
        },
        plain => text.first() == Some(plain) && at(rest, &text[1..]),
    }
}

struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    fn holds(&self, found: char) -> bool {
        let inside = self
            .ranges
            .iter()
            .any(|(low, high)| (*low..=*high).contains(&found));
        inside != self.negated
    }
}

/// A class, and the pattern after it; `None` where nothing closes it.
fn class(pattern: &[char]) -> Option<(Class, &[char])> {
    let negated = pattern.first() == Some(&'^');
    let mut rest = &pattern[usize::from(negated)..];
    let mut ranges = Vec::new();
    loop {
        let (mut low, mut after) = rest.split_first()?;
        if *low == ']' {
            return Some((Class { negated, ranges }, after));
        }
        if *low == '\\' {
            (low, after) = after.split_first()?;
        }
        match after {
            ['-', high, beyond @ ..] if *high != ']' => {
                ranges.push((*low, *high));
                rest = beyond;
            }
            _ => {
                ranges.push((*low, *low));
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_gateways_do() {
        for (pattern, text, wanted) in [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[\\]]", "]", true),
            ("[ab", "[ab", true),
            ("", "", true),
            ("ü?", "üß", true),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
