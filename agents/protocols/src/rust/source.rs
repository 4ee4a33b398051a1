//! Rust source text that is put together line by line, as rustfmt would have it.
//!
//! Names of up to some thirty letters fit the lines; where longer ones do not, rustfmt breaks them anew.

use std::fmt::Display;

/// Columns of a line, as rustfmt counts unless it is told otherwise.
const WIDTH: usize = 100;

/// Columns of what stands in brackets on one line.
const IN_BRACKETS: usize = 60;

/// Text in the making.
#[derive(Default)]
pub(super) struct Source {
    text: String,
    depth: usize,
}

impl Source {
    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A line; an empty one never stands twice.
    pub(super) fn line(&mut self, line: impl Display) {
        let line = line.to_string();
        if line.is_empty() {
            self.gap();
            return;
        }
        self.text.push_str(&" ".repeat(4 * self.depth));
        self.text.push_str(&line);
        self.text.push('\n');
    }

    /// An empty line, unless there is one, or a block has just begun.
    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") && !self.text.ends_with("{\n") {
            self.text.push('\n');
        }
    }

    /// A block: a line that opens it, what is in it, and its end.
    pub(super) fn block(&mut self, opening: impl Display, fill: impl FnOnce(&mut Source)) {
        self.line(format!("{opening} {{"));
        self.depth += 1;
        fill(self);
        self.depth -= 1;
        while self.text.ends_with("\n\n") {
            self.text.pop();
        }
        self.line("}");
    }

    /// What other sources hold, a level deeper, and its end.
    pub(super) fn module(&mut self, name: &str, doc: &str, inner: &Source) {
        self.gap();
        self.doc(doc);
        self.block(format!("pub mod {name}"), |source| {
            for line in inner.text.lines() {
                source.line(line);
            }
        });
    }

    /// Text of the specification's or our own, as documentation.
    pub(super) fn doc(&mut self, text: &str) {
        self.documentation("///", text);
    }

    /// The same, of the module that this is.
    pub(super) fn module_doc(&mut self, text: &str) {
        self.documentation("//!", text);
    }

    fn documentation(&mut self, mark: &str, text: &str) {
        for line in text.trim_end().lines() {
            match line.trim_end() {
                "" => self.line(mark),
                line => self.line(format!("{mark} {line}")),
            }
        }
    }

    /// A field or the like: `pub name: Type,`.
    pub(super) fn field(&mut self, name: &str, of: &str) {
        let line = format!("pub {name}: {of},");
        if 4 * self.depth + line.len() <= WIDTH {
            return self.line(line);
        }
        self.line(format!("pub {name}:"));
        self.depth += 1;
        self.line(format!("{of},"));
        self.depth -= 1;
    }

    /// A variant with what it holds: `Name(A, B),`.
    pub(super) fn variant(&mut self, name: &str, holds: &[&str]) {
        let inside = holds.join(", ");
        let line = format!("{name}({inside}),");
        if holds.len() == 1 || (inside.len() <= IN_BRACKETS && 4 * self.depth + line.len() <= WIDTH) {
            return self.line(line);
        }
        self.line(format!("{name}("));
        self.depth += 1;
        for held in holds {
            self.line(format!("{held},"));
        }
        self.depth -= 1;
        self.line("),");
    }
}

/// What an author wrote, so that it stands in documentation as it is.
pub(super) fn prose(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for line in text.trim().lines() {
        for character in line.trim().chars() {
            match character {
                '\\' | '[' | ']' | '<' | '>' | '`' | '*' | '_' | '#' | '|' | '~' | '$' => {
                    escaped.push('\\');
                    escaped.push(character);
                }
                character if character.is_control() => escaped.push(' '),
                character => escaped.push(character),
            }
        }
        escaped.push('\n');
    }
    escaped.trim_end().to_owned()
}

/// Names as a list in a sentence: `a`, `b` or `c`.
pub(super) fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [some @ .., last] => format!("{} or {last}", some.join(", ")),
    }
}
