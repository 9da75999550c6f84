//! YAML text in the style of yaml.v3's encoder with an indentation of two.

use std::sync::LazyLock;

use regex::Regex;

use super::tree::Tree;
use crate::yaml::{go_float, is_plain_string};

/// Keys longer than this are written as `? key`.
const SIMPLE_KEY: usize = 128;

/// A mapping as a whole document.
pub(super) fn emit(tree: &Tree) -> String {
    let mut out = String::new();
    value(tree, 0, &mut out);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// A value whose first line goes on at the end of `out`; further lines are indented by `indent`.
fn value(tree: &Tree, indent: usize, out: &mut String) {
    match tree {
        Tree::List(list) if list.is_empty() => out.push_str("[]"),
        Tree::Map(map) if map.is_empty() => out.push_str("{}"),
        Tree::List(list) => {
            for (index, item) in list.iter().enumerate() {
                line(index, indent, out);
                out.push_str("- ");
                value(item, indent + 2, out);
            }
        }
        Tree::Map(map) => {
            for (index, (key, item)) in map.iter().enumerate() {
                line(index, indent, out);
                entry(key, item, indent, out);
            }
        }
        scalar => out.push_str(&text(scalar, indent)),
    }
}

fn line(index: usize, indent: usize, out: &mut String) {
    if index > 0 {
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&" ".repeat(indent));
    }
}

fn entry(key: &str, item: &Tree, indent: usize, out: &mut String) {
    let written = string(key, indent, true);
    if key.len() > SIMPLE_KEY || key.contains('\n') {
        out.push_str(&format!("? {written}\n{}:", " ".repeat(indent)));
    } else {
        out.push_str(&written);
        out.push(':');
    }
    let nested = match item {
        Tree::List(list) => !list.is_empty(),
        Tree::Map(map) => !map.is_empty(),
        _ => false,
    };
    if nested {
        out.push('\n');
        out.push_str(&" ".repeat(indent + 2));
    } else {
        out.push(' ');
    }
    value(item, indent + 2, out);
}

/// A scalar; further lines are indented by `indent`.
fn text(scalar: &Tree, indent: usize) -> String {
    match scalar {
        Tree::Bool(value) => value.to_string(),
        Tree::Int(value) => value.to_string(),
        Tree::Uint(value) => value.to_string(),
        Tree::Float(value) => go_float(*value),
        Tree::Ratio(value) => value.to_string(),
        Tree::Date(text) => text.clone(),
        Tree::Text(text) => string(text, indent, false),
        Tree::Null | Tree::List(_) | Tree::Map(_) => "null".into(),
    }
}

fn string(text: &str, indent: usize, key: bool) -> String {
    let shape = Shape::of(text);
    if text.contains('\n') {
        return if shape.block && !key { literal(text, indent) } else { double_quoted(text) };
    }
    if !is_plain_string(text) || looks_old(text) {
        return double_quoted(text);
    }
    match shape {
        Shape { plain: true, .. } => text.to_owned(),
        Shape { single_quoted: true, .. } => format!("'{}'", text.replace('\'', "''")),
        _ => double_quoted(text),
    }
}

/// What YAML 1.1 would read as a boolean or as a number in base 60.
fn looks_old(text: &str) -> bool {
    static BASE_60: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$").ok());
    let word = matches!(
        text,
        "y" | "Y"
            | "yes"
            | "Yes"
            | "YES"
            | "on"
            | "On"
            | "ON"
            | "n"
            | "N"
            | "no"
            | "No"
            | "NO"
            | "off"
            | "Off"
            | "OFF"
    );
    word || BASE_60.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// Which styles a text can be written in.
struct Shape {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let special = text.chars().any(|c| !is_printable(c) && c != '\t');
        let is_break = |c: char| matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let pair = |first: fn(char) -> bool, second: fn(char) -> bool| {
            text.chars().zip(text.chars().skip(1)).any(|(a, b)| first(a) && second(b))
        };
        let breaks: fn(char) -> bool = |c| matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let space_break = pair(|c| c == ' ', breaks);
        let break_space = pair(breaks, |c| c == ' ');
        let edge = text.starts_with([' ', '\n']) || text.ends_with([' ', '\n']);
        let has_break = text.chars().any(is_break);
        let single_quoted = !(break_space || space_break || text.contains('\t') || special);
        Self {
            plain: single_quoted && !edge && !has_break && !has_indicator(text),
            single_quoted,
            block: !(text.ends_with(' ') || space_break || special),
        }
    }
}

/// Characters that mean something to YAML where they stand.
fn has_indicator(text: &str) -> bool {
    let bytes = text.as_bytes();
    let blank_after = |at: usize| bytes.get(at + 1).is_none_or(|&b| matches!(b, b' ' | b'\t'));
    if text.starts_with("---") || text.starts_with("...") {
        return true;
    }
    let first = match bytes.first() {
        Some(
            b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%'
            | b'@' | b'`',
        ) => true,
        Some(b'?' | b':' | b'-') => blank_after(0),
        _ => false,
    };
    first
        || (1..bytes.len()).any(|at| match bytes[at] {
            b':' => blank_after(at),
            b'#' => matches!(bytes[at - 1], b' ' | b'\t'),
            _ => false,
        })
}

/// What yaml.v3 writes without an escape: nothing beyond the basic plane, no control characters.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\0' => out.push_str("\\0"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\x1b' => out.push_str("\\e"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) <= 0xff => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            c if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    out + "\""
}

/// A `|` block. A text that starts with a break loses it, as in yaml.v3.
fn literal(text: &str, indent: usize) -> String {
    let mut out = String::from("|");
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    if !text.ends_with('\n') {
        out.push('-');
    } else if text == "\n" || text.ends_with("\n\n") {
        out.push('+');
    }
    let text = text.strip_prefix('\n').unwrap_or(text);
    for line in text.split_inclusive('\n') {
        if !out.ends_with('\n') {
            out.push('\n');
        }
        if line == "\n" {
            out.push('\n');
        } else {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}
