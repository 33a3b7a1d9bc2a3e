//! What a terminal can show: its width, colours, and text that is wrapped at words.

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use std::io::{self, IsTerminal, Write};

/// Wide enough for a table, narrow enough to read.
const WIDTH: usize = 100;

/// Where output goes and what can be shown there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns; `None` when the output goes on to a program, for which lines are not broken.
    pub width: Option<usize>,
    /// Whether colours are wanted: never in a pipe, nor with `NO_COLOR`.
    pub colour: bool,
}

/// What a piece of text is, from which its colour follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something is made or fine.
    Good,
    /// Something changes.
    Change,
    /// Something is refused.
    Bad,
    /// A heading.
    Strong,
    /// Less important.
    Faint,
}

impl Screen {
    /// The screen of standard output.
    #[must_use]
    pub fn stdout() -> Self {
        let out = io::stdout();
        let colour = AutoStream::choice(&out) != anstream::ColorChoice::Never;
        let width = out.is_terminal().then(|| terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0)));
        Self { width: width.map(|w| w.clamp(40, 160)), colour }
    }

    /// Columns for a table, which is never wider than reading likes.
    #[must_use]
    pub fn columns(self) -> usize {
        self.width.unwrap_or(WIDTH).min(WIDTH)
    }

    /// Text in its colour.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_string();
        }
        let style = match tone {
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Change => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Strong => Style::new().bold(),
            Tone::Faint => Style::new().dimmed(),
        };
        format!("{style}{text}{style:#}")
    }
}

/// Breaks text at words; lines after the first begin with `indent` spaces, the first has `used` columns before it.
#[must_use]
pub fn wrapped(text: &str, width: usize, used: usize, indent: usize) -> String {
    let mut out = String::new();
    let mut column = used;
    for (index, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 {
            if column + 1 + length > width && column > indent {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                out.push(' ');
                column += 1;
            }
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// Writes to standard output; a reader that has seen enough, as `head` does, is no trouble.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// `1 file`, `2 files`.
#[must_use]
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_at_words_and_long_words_stay_whole() {
        assert_eq!(wrapped("one two three", 8, 0, 2), "one two\n  three");
        assert_eq!(wrapped("averyveryverylongword x", 8, 0, 0), "averyveryverylongword\nx");
        assert_eq!(wrapped("one two", 20, 15, 4), "one\n    two");
    }
}
