//! Events of `saphyr-parser` to a [`Node`] tree: anchors, aliases, merge keys, duplicate keys, bounds.

use std::borrow::Cow;
use std::collections::HashMap;

use diagnostics::{Diagnostic, Place, Source};
use indexmap::map;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::scalar::{Tag, resolve};
use super::{Entry, Map, MergeTag, Node, Value};

/// Deeper nesting than this is refused (real stack files stay under 15).
const MAX_DEPTH: usize = 100;
/// Aliases may make a document this many times larger than written ...
const MAX_EXPANSION: usize = 99;
/// ... but never add more values than this (yaml.v3 has the same two bounds).
const MAX_ALIASED: usize = 400_000;

/// yaml.v3 takes a tab between a colon and a value, the parser does not before some characters. It says where, and
/// there a blank means the same; this many are replaced.
const MAX_TABS: usize = 500;

/// A parsed text.
pub(crate) struct Document {
    /// The first document's value; null for an empty text.
    pub(crate) root: Node,
    /// Where a second document starts, which yaml.v3 never reads.
    pub(crate) second: Option<Place>,
}

/// Parses a text.
pub(crate) fn parse(source: &Source) -> Result<Document, Diagnostic> {
    refuse_control_characters(source)?;
    let mut text = Cow::Borrowed(source.text());
    for _ in 0..MAX_TABS {
        let mut builder = Builder::new(source, &text);
        let document = builder.document();
        let Some(tab) = builder.refused_tab else { return document };
        text.to_mut().replace_range(tab..=tab, " ");
    }
    Builder::new(source, &text).document()
}

fn refuse_control_characters(source: &Source) -> Result<(), Diagnostic> {
    let bad = source.text().char_indices().find(|&(_, c)| {
        matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    });
    let Some((at, c)) = bad else { return Ok(()) };
    Err(Diagnostic::error(
        "stack-file/yaml",
        format!("the control character U+{:04X} cannot be in YAML", u32::from(c)),
    )
    .at(source.place(at..at + c.len_utf8()))
    .help("remove it, or write it as an escape like \"\\x1b\" in double quotes"))
}

/// Character positions, which the parser counts in, to bytes.
struct Offsets(Option<Vec<usize>>);

impl Offsets {
    fn new(text: &str) -> Self {
        Self((!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()))
    }

    fn byte(&self, index: usize) -> usize {
        match &self.0 {
            None => index,
            Some(table) => table.get(index).or(table.last()).copied().unwrap_or(index),
        }
    }
}

struct Builder<'a> {
    source: &'a Source,
    offsets: Offsets,
    parser: Parser<'a, StrInput<'a>>,
    /// Finished anchored values, by the parser's number for the anchor, with their size.
    anchors: HashMap<usize, (Node, usize)>,
    written: usize,
    aliased: usize,
    /// A tab that the parser stopped at, and that could as well be a blank.
    refused_tab: Option<usize>,
}

/// A key as written, and whether it is a `<<` that merges.
struct Key {
    node: Node,
    merges: bool,
}

impl<'a> Builder<'a> {
    /// Reads `text`, which has every character at the same place as the source has it.
    fn new(source: &'a Source, text: &'a str) -> Self {
        Self {
            source,
            offsets: Offsets::new(text),
            parser: Parser::new_from_str(text),
            anchors: HashMap::new(),
            written: 0,
            aliased: 0,
            refused_tab: None,
        }
    }

    fn document(&mut self) -> Result<Document, Diagnostic> {
        let nothing = Node::new(Value::Null, self.source.place(0..0));
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(Document { root: root.unwrap_or(nothing), second: None }),
                Event::DocumentStart(_) if root.is_some() => {
                    return Ok(Document { root: root.unwrap_or(nothing), second: Some(self.place(span)) });
                }
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Diagnostic> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let at = self.offsets.byte(error.marker().index());
                let before =
                    at.checked_sub(1).filter(|&at| self.source.text().as_bytes().get(at) == Some(&b'\t'));
                self.refused_tab = before.filter(|_| error.info().starts_with("':' must be followed by"));
                Err(self.scan_error(&error))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        if depth > MAX_DEPTH {
            return Err(self
                .error(span, format!("this value is nested more than {MAX_DEPTH} levels deep"))
                .help("a stack file needs far fewer levels: check the indentation and the brackets"));
        }
        self.written += 1;
        let (anchor, tag, value) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let merge = merge_tag(tag.as_deref());
                let tag = if merge.is_some() { Tag::None } else { reduce(tag.as_deref()) };
                let value = resolve(&tag, &text, plain).map_err(|message| {
                    self.error(span, message).help("remove the tag, or quote the value")
                })?;
                (anchor, merge, value)
            }
            Event::SequenceStart(anchor, tag) => {
                (anchor, merge_tag(tag.as_deref()), Value::List(self.sequence(depth)?))
            }
            Event::MappingStart(anchor, tag) => {
                (anchor, merge_tag(tag.as_deref()), Value::Map(self.mapping(depth)?))
            }
            _ => return Err(self.error(span, "a value is missing here".into())),
        };
        let node = Node { value, place: self.place(span), tag };
        if anchor > 0 {
            let size = node.size();
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, Diagnostic> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(self
                .error(span, "this alias stands inside the value that it repeats".into())
                .help("write the value out instead"));
        };
        self.aliased += size;
        let bound = MAX_ALIASED.min(1_000.max(self.written * MAX_EXPANSION));
        if self.aliased > bound {
            return Err(self
                .error(span, format!("aliases expand this file to more than {bound} values"))
                .help("use fewer aliases inside anchored values"));
        }
        Ok(node.clone())
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, Diagnostic> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(list),
                (event, span) => list.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Map, Diagnostic> {
        let mut map = Map::new();
        let mut merged: Option<(Place, Node)> = None;
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.key(event, span, depth)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if key.merges {
                if let Some((first, _)) = merged.replace((key.node.place.clone(), value)) {
                    return Err(duplicate_key("<<", key.node.place, first));
                }
            } else {
                insert(&mut map, key.node, value)?;
            }
        }
        if let Some((place, value)) = merged {
            merge(&mut map, &place, value)?;
        }
        Ok(map)
    }

    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Key, Diagnostic> {
        let merges = match &event {
            Event::Scalar(text, ScalarStyle::Plain, _, tag) => {
                text == "<<" && matches!(reduce(tag.as_deref()), Tag::None)
            }
            Event::Scalar(_, _, _, tag) => reduce(tag.as_deref()) == Tag::Core("merge".into()),
            _ => false,
        };
        Ok(Key { node: self.node(event, span, depth + 1)?, merges })
    }

    /// A place for a span; one that runs over several lines is cut at the end of its first.
    fn place(&self, span: Span) -> Place {
        let start = self.offsets.byte(span.start.index());
        let end = self.offsets.byte(span.end.index()).max(start);
        let text = self.source.text();
        let line = text.get(start..end).and_then(|text| text.find('\n')).map_or(end, |at| start + at);
        let end = text.get(start..line).map_or(line, |text| start + text.trim_end().len());
        self.source.place(start..end)
    }

    fn error(&self, span: Span, message: String) -> Diagnostic {
        Diagnostic::error("stack-file/yaml", message).at(self.place(span))
    }

    fn scan_error(&self, error: &ScanError) -> Diagnostic {
        let text = self.source.text();
        let at = self.offsets.byte(error.marker().index()).min(text.len());
        let line_start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let line = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let indent = &line[..line.len() - line.trim_start().len()];
        if let Some(tab) = indent.find('\t') {
            let at = line_start + tab;
            return Diagnostic::error(
                "stack-file/yaml",
                "a tab indents this line, which YAML does not allow",
            )
            .at(self.source.place(at..at + 1))
            .help("indent with spaces");
        }
        let diagnostic = Diagnostic::error("stack-file/yaml", format!("this is not YAML: {}", error.info()))
            .at(self.source.place(at..at));
        if error.info().contains("anchor") {
            return diagnostic
                .help("define the anchor (`&name`) before its alias (`*name`), in the same file");
        }
        diagnostic.help("check the indentation, the quotes and the brackets of this line and the one above")
    }
}

/// A tag of the parser, reduced to what the scalar rules ask.
fn reduce(tag: Option<&saphyr_parser::Tag>) -> Tag {
    match tag {
        None => Tag::None,
        Some(tag) if tag.is_yaml_core_schema() => Tag::Core(tag.suffix.clone()),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" || tag.suffix.is_empty() => Tag::None,
        Some(tag) => Tag::Other(format!("{}{}", tag.handle, tag.suffix)),
    }
}

fn merge_tag(tag: Option<&saphyr_parser::Tag>) -> Option<MergeTag> {
    match reduce(tag) {
        Tag::Other(name) if name == "!reset" => Some(MergeTag::Reset),
        Tag::Other(name) if name == "!override" => Some(MergeTag::Override),
        _ => None,
    }
}

fn insert(map: &mut Map, key: Node, value: Node) -> Result<(), Diagnostic> {
    let Value::String(name) = key.value else {
        let shown = key.scalar_text();
        let diagnostic =
            Diagnostic::error("stack-file/key", format!("a key must be a string, this is {}", key.kind()));
        let help =
            shown.map_or("write one name before the colon".into(), |text| format!("quote it: \"{text}\""));
        return Err(diagnostic.at(key.place).help(help));
    };
    match map.entry(name) {
        map::Entry::Occupied(first) => Err(duplicate_key(first.key(), key.place, first.get().key.clone())),
        map::Entry::Vacant(vacant) => {
            vacant.insert(Entry { key: key.place, node: value });
            Ok(())
        }
    }
}

fn duplicate_key(name: &str, again: Place, first: Place) -> Diagnostic {
    Diagnostic::error("stack-file/duplicate-key", format!("the key `{name}` is given twice"))
        .at(again)
        .related(first, "first given here")
        .help("keep one of the two")
}

/// Adds what a `<<` brings: keys already there win, and of several mappings the first.
fn merge(map: &mut Map, place: &Place, value: Node) -> Result<(), Diagnostic> {
    let wrong = |place: &Place| {
        Diagnostic::error("stack-file/yaml", "`<<` takes a mapping or a list of mappings")
            .at(place.clone())
            .help("give it the alias of a mapping: `<<: *name`")
    };
    let sources = match value.value {
        Value::Map(other) => vec![other],
        Value::List(list) => list
            .into_iter()
            .map(|node| match node.value {
                Value::Map(other) => Ok(other),
                _ => Err(wrong(&node.place)),
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(wrong(place)),
    };
    for source in sources {
        for (key, entry) in source {
            map.entry(key).or_insert(entry);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<serde_json::Value, String> {
        parse(&Source::new("t.yml", text))
            .map(|document| document.root.to_json())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn merge_keys_are_shallow_and_the_first_wins() {
        let text = "a: &a {x: 1, y: {p: 1}}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b], y: {q: 3}}\n";
        let c = json(text).unwrap()["c"].clone();
        assert_eq!(c, serde_json::json!({"y": {"q": 3}, "x": 1, "z": 2}));
    }

    #[test]
    fn a_tab_may_stand_between_a_colon_and_a_value() {
        let text = "a:\tb\nc:\t \td\ne: \"f:\tg\"\nh:\t5\n";
        assert_eq!(json(text).unwrap(), serde_json::json!({"a": "b", "c": "d", "e": "f:\tg", "h": 5}));
        assert!(json("a:\tb: c\n").is_err());
    }

    #[test]
    fn a_quoted_merge_key_is_a_key() {
        assert_eq!(json("'<<': 1").unwrap(), serde_json::json!({"<<": 1}));
    }

    #[test]
    fn refusals_name_their_place() {
        for (text, wanted) in [
            ("a: 1\nb: 2\na: 3\n", "t.yml:3:1: the key `a` is given twice"),
            ("a:\n\tb: 1\n", "t.yml:2:1: a tab indents this line"),
            ("1: a\n", "t.yml:1:1: a key must be a string, this is a number (quote it: \"1\")"),
            ("a: *nope\n", "t.yml:1:4: this is not YAML"),
            ("a: &x [*x]\n", "this alias stands inside the value that it repeats"),
            ("a: \u{7}\n", "t.yml:1:4: the control character U+0007"),
            ("a: {<<: 3}\n", "`<<` takes a mapping"),
            ("a: !!int x\n", "t.yml:1:4: `x` is no !!int"),
        ] {
            let error = json(text).unwrap_err();
            assert!(error.contains(wanted), "{text:?} gives {error}");
        }
    }

    #[test]
    fn aliases_cannot_explode() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let previous = format!("*a{}", level - 1);
            text += &format!("a{level}: &a{level} [{}]\n", vec![previous; 10].join(", "));
        }
        assert!(json(&text).unwrap_err().contains("aliases expand this file"));
    }

    #[test]
    fn nesting_is_bounded() {
        let text = format!("a: {}{}", "[".repeat(150), "]".repeat(150));
        assert!(json(&text).unwrap_err().contains("nested more than"));
    }

    #[test]
    fn places_count_bytes_in_text_that_is_not_ascii() {
        let document = parse(&Source::new("t.yml", "ä: ö\nbß: c\n")).unwrap().root;
        let entry = &document.as_map().unwrap()["bß"];
        assert_eq!(entry.node.place.to_string(), "t.yml:2:5");
        let range = entry.node.place.range();
        assert_eq!(&entry.node.place.source().text()[range], "c");
    }
}
