//! Where mappings stand in the text of a YAML file: a key, how its value is written, the keys below it. Works on
//! lines and indentation, and says why where the text is written in a way that it does not know; whoever edits by
//! it proves the result by loading the file again.

use std::ops::Range;

/// A key and its value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The blanks before the key.
    pub(crate) indent: usize,
    /// How the value is written.
    pub(crate) form: Form,
    /// The keys of the mapping below it.
    pub(crate) children: Vec<Child>,
    /// The blanks before these keys.
    pub(crate) child_indent: Option<usize>,
    /// From the key's line to the end of the last line of the value.
    pub(crate) range: Range<usize>,
}

/// How a mapping is written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In the lines below the key.
    Lines,
    /// In braces behind the key: the part with the braces.
    Braces(Range<usize>),
}

/// A key of a mapping.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) name: String,
    pub(crate) key: Range<usize>,
}

impl Block {
    /// The block of the key that is written at a place.
    pub(crate) fn at(text: &str, key: &Range<usize>) -> Result<Self, String> {
        let start = text.get(..key.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let before = text.get(start..key.start).unwrap_or_default();
        if !before.chars().all(|c| c == ' ') {
            return Err("it is written inside of braces".into());
        }
        let line_end = start + line_at(text, start).len();
        let (_, value) = text
            .get(key.end..line_end)
            .and_then(|rest| rest.split_once(':'))
            .ok_or("its key is written in a way that this does not edit")?;
        let mut block = Self {
            indent: before.len(),
            form: form(value, line_end - value.len())?,
            children: Vec::new(),
            child_indent: None,
            range: start..line_end,
        };
        if block.form == Form::Lines {
            block.read_lines(text, line_end);
        }
        Ok(block)
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Child> {
        self.children.iter().find(|child| child.name == name)
    }

    fn read_lines(&mut self, text: &str, from: usize) {
        let mut start = from;
        for line in text.get(from..).unwrap_or_default().split_inclusive('\n') {
            let content = line.trim();
            let indent = line.len() - line.trim_start_matches(' ').len();
            let end = start + line.len();
            let comment = content.starts_with('#');
            if !content.is_empty() && !comment {
                if indent <= self.indent {
                    break;
                }
                let child_indent = *self.child_indent.get_or_insert(indent);
                if indent == child_indent {
                    self.children.extend(child(line, start + indent));
                }
                self.range.end = end;
            } else if comment && self.child_indent.is_some_and(|child| indent >= child) {
                // Perhaps a line of a block scalar: what is put behind the block must not be put before it.
                self.range.end = end;
            }
            start = end;
        }
    }
}

/// The line that starts at a place, with its end.
fn line_at(text: &str, start: usize) -> &str {
    text.get(start..).and_then(|rest| rest.split_inclusive('\n').next()).unwrap_or_default()
}

fn child(line: &str, at: usize) -> Option<Child> {
    let (key, _) = line.trim_start().split_once(':')?;
    let key = key.trim_end();
    if key.starts_with(['-', '{', '[', '*', '?', '!']) {
        return None;
    }
    Some(Child { name: key.trim_matches(['"', '\'']).to_owned(), key: at..at + key.len() })
}

/// What stands behind a colon.
fn form(value: &str, at: usize) -> Result<Form, String> {
    let shown = without_comment(value).trim_end();
    let content = shown.trim_start();
    match content.chars().next() {
        None => Ok(Form::Lines),
        Some('&') if !content.contains(char::is_whitespace) => Ok(Form::Lines),
        Some('{') if content.ends_with('}') => {
            let start = at + shown.len() - content.len();
            Ok(Form::Braces(start..start + content.len()))
        }
        Some('{') => Err("its braces go over several lines".into()),
        Some('*') => Err("it is an alias of what stands elsewhere in the file".into()),
        Some(_) => Err("it is written in a way that this does not edit".into()),
    }
}

fn without_comment(value: &str) -> &str {
    let comment = value.match_indices('#').find(|(at, _)| {
        value.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']))
    });
    comment.map_or(value, |(at, _)| value.get(..at).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str, key: &str) -> Result<Block, String> {
        let at = text.find(&format!("{key}:")).unwrap_or_default();
        Block::at(text, &(at..at + key.len()))
    }

    #[test]
    fn a_block_ends_before_what_belongs_to_the_next_one() {
        let text = "services:\n  a:\n    image: x\n    command: |\n      # kept\n    # of a\n\n  # of b\n  b:\n    image: y\n";
        let a = block(text, "a").expect("a block");
        assert_eq!(text.get(a.range), Some("  a:\n    image: x\n    command: |\n      # kept\n    # of a\n"));
        assert_eq!(a.child_indent, Some(4));
        let names: Vec<&str> = a.children.iter().map(|child| child.name.as_str()).collect();
        assert_eq!(names, ["image", "command"]);
    }

    #[test]
    fn forms() {
        let braces = block("a: { b: c } # d\n", "a").expect("a block");
        assert_eq!(braces.form, Form::Braces(3..11));
        assert!(block("a: &x\n  b: c\n", "a").is_ok());
        for text in ["a: *x\n", "a: { b: c,\n  d: e }\n", "a: b\n", "x: { a: b }\n", "a: &x { b: c }\n"] {
            assert!(block(text, "a").is_err(), "{text}");
        }
    }

    #[test]
    fn lists_at_the_depth_of_their_key_are_no_keys() {
        let text = "a:\n  ports:\n  - b: c\n  image: x\n";
        let a = block(text, "a").expect("a block");
        assert_eq!(a.children.len(), 2);
    }
}
