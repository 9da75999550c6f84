//! A file's text as a syntax tree, or the place where it is not Python.

use std::ops::Range;

use diagnostics::{Diagnostic, Source};
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{ModModule, PySourceType};
use ruff_python_parser::{Parsed, parse_unchecked_source};
use ruff_text_size::{Ranged, TextRange};

/// How many operators, calls and lookups may be chained in one expression. Python gives up on a few thousand; a
/// syntax tree that is deeper could exhaust the stack when it is walked or dropped.
const DEEPEST_CHAIN: usize = 1000;

/// How many blocks may be nested: Python's own limit of indentation.
const DEEPEST_BLOCK: usize = 100;

/// A revision file larger than this is taken for a mistake, in bytes.
const LARGEST_FILE: usize = 64 << 20;

/// Parses a file.
pub(crate) fn parse(source: &Source) -> Result<Parsed<ModModule>, Diagnostic> {
    if source.text().len() > LARGEST_FILE {
        return Err(Diagnostic::error("revision-file/too-large", "the file is larger than 64 MiB")
            .at(source.place(0..0))
            .help("move its data out of the revision file"));
    }
    if let Some(at) = source.text().find('\0') {
        return Err(Diagnostic::error(
            "revision-file/syntax",
            "the file holds a null byte, which Python refuses",
        )
        .at(source.place(at..at + 1))
        .help("delete it; the file may have been damaged, or saved in another encoding than UTF-8"));
    }
    let parsed = parse_unchecked_source(source.text(), PySourceType::Python);
    if let Some(place) = too_deep(&parsed) {
        // Dropping the tree recurses as deep as the chain is long, so this one tree is left to the process' end.
        std::mem::forget(parsed);
        return Err(Diagnostic::error("revision-file/too-deep", "the code is nested or chained too deeply")
            .at(source.place(place))
            .help(format!(
                "split it: at most {DEEPEST_CHAIN} operators and calls in one expression, and {DEEPEST_BLOCK} blocks \
                 in each other"
            )));
    }
    match parsed.errors().first() {
        None => Ok(parsed),
        Some(error) => {
            let help = if is_conflict_marker(source.text(), bytes(error.location).start) {
                "a merge conflict was left in the file: choose one side and delete the marker lines"
            } else {
                "correct the file: Alembic imports every file of the folder, so this one stops all commands"
            };
            Err(Diagnostic::error("revision-file/syntax", "the file is not valid Python")
                .at(source.place(bytes(error.location)))
                .label(error.error.to_string())
                .help(help))
        }
    }
}

/// Whether the line at this place is one that a version control system writes around a conflict.
fn is_conflict_marker(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|marker| text[line_start..].starts_with(marker))
}

/// A range of the syntax tree as a range of bytes.
pub(crate) fn bytes(range: TextRange) -> Range<usize> {
    range.start().to_usize()..range.end().to_usize()
}

/// Finds a chain (`a + b + ...`, `a.b.c`, `f()()()`) or a nesting that is too deep, from the tokens alone: an upper
/// bound of the tree's depth, exact enough that long lists and calls with many arguments do not count.
fn too_deep(parsed: &Parsed<ModModule>) -> Option<Range<usize>> {
    let mut depth = Depth { levels: vec![Level::default()], links: 0, blocks: 0 };
    let too_deep = parsed.tokens().iter().find(|token| {
        depth.read(token.kind());
        depth.links > DEEPEST_CHAIN || depth.blocks > DEEPEST_BLOCK
    });
    too_deep.map(|token| bytes(token.range()))
}

/// One level of brackets.
#[derive(Default)]
struct Level {
    /// Links of the expression that is open here.
    links: usize,
    /// Lambdas whose colon is still to come.
    lambdas: usize,
}

struct Depth {
    levels: Vec<Level>,
    /// The sum over all levels.
    links: usize,
    blocks: usize,
}

impl Depth {
    fn read(&mut self, kind: TokenKind) {
        match kind {
            TokenKind::Newline | TokenKind::NonLogicalNewline if self.levels.len() > 1 => {}
            TokenKind::Newline | TokenKind::NonLogicalNewline | TokenKind::Semi => self.next_expression(),
            TokenKind::Comma | TokenKind::Colon if !self.in_lambda() => self.next_expression(),
            TokenKind::Colon => {
                if let Some(level) = self.levels.last_mut() {
                    level.lambdas -= 1;
                }
            }
            TokenKind::Lambda => {
                self.link();
                if let Some(level) = self.levels.last_mut() {
                    level.lambdas += 1;
                }
            }
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => {
                self.link();
                self.levels.push(Level::default());
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace if self.levels.len() > 1 => {
                self.links -= self.levels.pop().unwrap_or_default().links;
            }
            TokenKind::Indent => self.blocks += 1,
            TokenKind::Dedent => self.blocks = self.blocks.saturating_sub(1),
            kind if is_leaf(kind) => {}
            _ => self.link(),
        }
    }

    fn in_lambda(&self) -> bool {
        self.levels.last().is_some_and(|level| level.lambdas > 0)
    }

    fn next_expression(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            self.links -= std::mem::take(level).links;
        }
    }

    fn link(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.links += 1;
            self.links += 1;
        }
    }
}

/// Tokens that add no link: operands, parts of a string, layout.
fn is_leaf(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Name
            | TokenKind::Int
            | TokenKind::Float
            | TokenKind::Complex
            | TokenKind::String
            | TokenKind::FStringStart
            | TokenKind::FStringMiddle
            | TokenKind::FStringEnd
            | TokenKind::Comma
            | TokenKind::Comment
    )
}
