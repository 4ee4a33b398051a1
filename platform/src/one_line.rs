//! A peer's words on their way into our log: one line, and not a long one.
//!
//! Always true: what comes out holds no control character, so that nobody writes lines of his own into the log.
//! Neighbours: the [`link_task`](crate::link_task) and [`inbound`](crate::inbound) log what peers said.

/// Longest text of a peer that is logged, in characters.
const MAX_CHARS: usize = 500;

/// `text` without its control characters, cut where it is long.
pub(crate) fn one_line(text: &str) -> String {
    let mut line: String =
        text.chars().take(MAX_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if line.len() < text.len() && text.chars().nth(MAX_CHARS).is_some() {
        line.push_str("...");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_short_line() {
        assert_eq!(one_line("good day"), "good day");
        assert_eq!(one_line("a\nERROR b\u{1b}[2J"), "a\u{fffd}ERROR b\u{fffd}[2J");
        assert_eq!(one_line(&"é".repeat(500)), "é".repeat(500));
        assert_eq!(one_line(&"é".repeat(501)), format!("{}...", "é".repeat(500)));
    }
}
