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
    if let Some(place) = chained_too_deep(&parsed) {
        // Dropping the tree recurses as deep as the chain is long, so this one tree is left to the process' end.
        std::mem::forget(parsed);
        return Err(Diagnostic::error("revision-file/too-deep", "an expression is chained too deeply")
            .at(source.place(place))
            .help(format!("split it: at most {DEEPEST_CHAIN} operators and calls in one expression")));
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

/// Finds a chain (`a + b + ...`, `a.b.c`, `f()()()`) that is too long, from the tokens alone: an upper bound of the
/// tree's depth, exact enough that long lists and calls with many arguments do not count.
fn chained_too_deep(parsed: &Parsed<ModModule>) -> Option<Range<usize>> {
    // Links of the expression that is open at each level of brackets, and their sum.
    let mut levels = vec![0usize];
    let mut sum = 0;
    for token in parsed.tokens() {
        match token.kind() {
            TokenKind::Newline | TokenKind::NonLogicalNewline => {
                if let [only] = levels.as_mut_slice() {
                    sum -= std::mem::take(only);
                }
            }
            TokenKind::Comma | TokenKind::Colon | TokenKind::Semi => {
                if let Some(level) = levels.last_mut() {
                    sum -= std::mem::take(level);
                }
            }
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => {
                link(&mut levels, &mut sum);
                levels.push(0);
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace if levels.len() > 1 => {
                sum -= levels.pop().unwrap_or_default();
            }
            kind if is_leaf(kind) => {}
            _ => link(&mut levels, &mut sum),
        }
        if sum > DEEPEST_CHAIN {
            return Some(bytes(token.range()));
        }
    }
    None
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
            | TokenKind::Comment
            | TokenKind::Indent
            | TokenKind::Dedent
    )
}

fn link(levels: &mut [usize], sum: &mut usize) {
    if let Some(level) = levels.last_mut() {
        *level += 1;
        *sum += 1;
    }
}
