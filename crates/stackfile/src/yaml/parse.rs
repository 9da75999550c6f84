//! Events of `saphyr-parser` to a [`Node`] tree: anchors, aliases, merge keys, duplicate keys, bounds.

use std::collections::HashMap;
use std::ops::Range;

use diagnostics::{Diagnostic, Place, Source};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::mapping::{duplicate_key, insert, merge};
use super::repair::{Repairs, Shift};
use super::scalar::{Tag, resolve};
use super::{Map, MergeTag, Node, Value};

/// Deeper nesting than this is refused (real stack files stay under 15).
const MAX_DEPTH: usize = 100;
/// Aliases may make a document this many times larger than written ...
const MAX_EXPANSION: usize = 99;
/// ... but never add more values than this (yaml.v3 has the same two bounds).
const MAX_ALIASED: usize = 400_000;

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
    // Most texts need no repair, most others only the guessed one; a wrong guess is found out and not used.
    let mut builder = Builder::new(source, source.text(), Shift::default());
    let error = match builder.document() {
        Ok(document) => return Ok(document),
        Err(error) => error,
    };
    let Some((info, at)) = builder.stopped.take() else { return Err(error) };
    let mut repairs = Repairs::new(source.text());
    if !repairs.plan(&info, at, builder.flow > 0) {
        return Err(error);
    }
    match repaired(source, repairs.clone().with_guess()) {
        Some(Ok(document)) => Ok(document),
        _ => repaired(source, repairs).unwrap_or(Err(error)),
    }
}

/// Parses with repairs, and further ones where the parser still stops. `None` if a repair turns out to be in a block
/// scalar, whose blanks are a part of it.
fn repaired(source: &Source, mut repairs: Repairs<'_>) -> Option<Result<Document, Diagnostic>> {
    loop {
        let (text, shift) = repairs.apply();
        let mut builder = Builder::new(source, &text, shift);
        let document = builder.document();
        if builder.blocks.iter().any(|block| repairs.touch(block)) {
            return None;
        }
        let stopped = builder.stopped.take();
        match stopped {
            Some((info, at)) if repairs.plan(&info, at, builder.flow > 0) => {}
            _ => return Some(document),
        }
    }
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

/// Character positions, which the parser counts in, to bytes of the source.
struct Offsets {
    table: Option<Vec<usize>>,
    shift: Shift,
}

impl Offsets {
    fn new(text: &str, shift: Shift) -> Self {
        let table = || text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        Self { table: (!text.is_ascii()).then(table), shift }
    }

    fn byte(&self, index: usize) -> usize {
        let byte = match &self.table {
            None => index,
            Some(table) => table.get(index).or(table.last()).copied().unwrap_or(index),
        };
        self.shift.original(byte)
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
    /// How many brackets are open.
    flow: usize,
    /// Where block scalars are.
    blocks: Vec<Range<usize>>,
    /// What the parser stopped at, and where.
    stopped: Option<(String, usize)>,
}

/// A key as written, and whether it is a `<<` that merges.
struct Key {
    node: Node,
    merges: bool,
}

impl<'a> Builder<'a> {
    /// Reads `text`, which is the source with some blanks more.
    fn new(source: &'a Source, text: &'a str, shift: Shift) -> Self {
        Self {
            source,
            offsets: Offsets::new(text, shift),
            parser: Parser::new_from_str(text),
            anchors: HashMap::new(),
            written: 0,
            aliased: 0,
            flow: 0,
            blocks: Vec::new(),
            stopped: None,
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
                self.stopped = Some((error.info().to_owned(), self.offsets.byte(error.marker().index())));
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
        if self.flow == 0 {
            self.refuse_tab(span)?;
        }
        let (anchor, tag, value) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                    let byte = |marker: Marker| self.offsets.byte(marker.index());
                    self.blocks.push(byte(span.start)..byte(span.end));
                }
                let plain = style == ScalarStyle::Plain;
                let merge = merge_tag(tag.as_deref());
                let tag = if merge.is_some() { Tag::None } else { reduce(tag.as_deref()) };
                let value = resolve(&tag, &text, plain).map_err(|message| {
                    self.error(span, message).help("remove the tag, or quote the value")
                })?;
                (anchor, merge, value)
            }
            Event::SequenceStart(anchor, tag) => {
                let list = self.inside(span, |builder| builder.sequence(depth))?;
                (anchor, merge_tag(tag.as_deref()), Value::List(list))
            }
            Event::MappingStart(anchor, tag) => {
                let map = self.inside(span, |builder| builder.mapping(depth))?;
                (anchor, merge_tag(tag.as_deref()), Value::Map(map))
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

    /// Reads what is in a list or mapping, and knows meanwhile whether that is in brackets.
    fn inside<T>(
        &mut self,
        span: Span,
        read: impl FnOnce(&mut Self) -> Result<T, Diagnostic>,
    ) -> Result<T, Diagnostic> {
        let start = self.offsets.byte(span.start.index());
        let brackets = matches!(self.source.text().as_bytes().get(start), Some(b'[' | b'{'));
        self.flow += usize::from(brackets);
        let result = read(self);
        self.flow -= usize::from(brackets);
        result
    }

    /// Outside of brackets no tab may indent a value or follow the dash of a list; the parser is more lenient than
    /// yaml.v3 about some.
    fn refuse_tab(&self, span: Span) -> Result<(), Diagnostic> {
        let start = self.offsets.byte(span.start.index());
        let before = self.source.text().get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = &before[line_start..];
        let text = line.trim_end();
        let indents = text.is_empty() || text == "-" || text.ends_with(" -") || text.ends_with("\t-");
        match line[text.len()..].find('\t') {
            Some(tab) if indents => Err(self.tab(line_start + text.len() + tab)),
            _ => Ok(()),
        }
    }

    fn tab(&self, at: usize) -> Diagnostic {
        Diagnostic::error("stack-file/yaml", "a tab indents this line, which YAML does not allow")
            .at(self.source.place(at..at + 1))
            .help("indent with spaces")
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
        if let Some(tab) = indent.find('\t').filter(|_| self.flow == 0) {
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
        if error.info().contains("<document start>") {
            // yaml.v3 stops reading here without a word, and the rest of the stack is lost.
            return Diagnostic::error(
                "stack-file/yaml",
                "this line is indented less than the first line of the file",
            )
            .at(self.source.place(at..at))
            .help("start all top-level keys in the same column");
        }
        if error.info().contains("quoted scalar, found unexpected end") {
            return Diagnostic::error("stack-file/yaml", "this quote is never closed")
                .at(self.source.place(at..at + 1))
                .help("add the closing quote, or remove this one");
        }
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
