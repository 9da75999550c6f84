//! INI files exactly as Python's `configparser` reads them for Alembic: no inline comments, continued lines,
//! `[DEFAULT]`, `%(name)s`. Pure.

use std::collections::HashMap;
use std::ops::Range;

use diagnostics::{Diagnostic, Place, Source};

use crate::secret::without_passwords;

/// How deep `%(name)s` may lead (configparser, `MAX_INTERPOLATION_DEPTH`).
const DEEPEST: usize = 10;

/// A parsed file.
#[derive(Debug)]
pub(super) struct Ini {
    source: Source,
    sections: HashMap<String, Section>,
    defaults: Section,
    /// What `%(here)s` stands for.
    here: String,
}

#[derive(Debug, Default)]
struct Section {
    options: HashMap<String, Opt>,
}

#[derive(Debug)]
struct Opt {
    lines: Vec<String>,
    range: Range<usize>,
}

/// A value with its place.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) text: String,
    pub(super) place: Place,
}

impl Ini {
    /// Parses a text. `here` is the folder of the file.
    pub(super) fn parse(name: &str, text: &str, here: &str) -> Result<Self, Diagnostic> {
        let source = Source::new(name, without_passwords(text));
        let mut parser = Parser {
            ini: Self {
                source,
                sections: HashMap::new(),
                defaults: Section::default(),
                here: here.to_owned(),
            },
            section: None,
            option: None,
            indent: 0,
        };
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            parser.line(line, start)?;
            start += line.len();
        }
        Ok(parser.ini)
    }

    pub(super) fn has_section(&self, name: &str) -> bool {
        self.sections.contains_key(name)
    }

    pub(super) fn section_names(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().map(String::as_str)
    }

    /// The start of the file, for what is not in it.
    pub(super) fn start(&self) -> Place {
        self.source.place(0..0)
    }

    /// A value of a section or of `[DEFAULT]`, interpolated. Nothing when the section does not exist: then the
    /// defaults do not count either.
    pub(super) fn get(&self, section: &str, key: &str) -> Result<Option<Found>, Diagnostic> {
        let Some(options) = self.sections.get(section) else { return Ok(None) };
        let Some(option) = self.option(options, key) else { return Ok(None) };
        let place = self.source.place(option.range.clone());
        let text = self.interpolate(options, &option.text(), &place, 0)?;
        Ok(Some(Found { text, place }))
    }

    fn option<'a>(&'a self, section: &'a Section, key: &str) -> Option<&'a Opt> {
        section.options.get(key).or_else(|| self.defaults.options.get(key))
    }

    fn interpolate(
        &self,
        section: &Section,
        text: &str,
        place: &Place,
        depth: usize,
    ) -> Result<String, Diagnostic> {
        let error = |message: String, help: &str| {
            Diagnostic::error("alembic-config/interpolation", message).at(place.clone()).help(help)
        };
        if depth > DEEPEST {
            return Err(error("the value refers to itself".to_owned(), "break the circle of %(name)s"));
        }
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            result.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                result.push('%');
                rest = after;
                continue;
            }
            let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(")s")) else {
                return Err(error(
                    "a '%' is neither '%%' nor '%(name)s'".to_owned(),
                    "write '%%' for a percent sign, for instance in a URL's password",
                ));
            };
            let key = name.to_lowercase();
            match self.option(section, &key) {
                Some(option) => {
                    result.push_str(&self.interpolate(section, &option.text(), place, depth + 1)?);
                }
                None if key == "here" => result.push_str(&self.here),
                None => {
                    return Err(error(
                        format!("%({name})s names no option of this section or of [DEFAULT]"),
                        "define it, or write '%%' for a percent sign",
                    ));
                }
            }
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }
}

impl Opt {
    fn text(&self) -> String {
        self.lines.join("\n").trim_end().to_owned()
    }
}

/// The section that is being read.
enum Current {
    Default,
    Named(String),
}

struct Parser {
    ini: Ini,
    section: Option<Current>,
    option: Option<String>,
    indent: usize,
}

impl Parser {
    fn line(&mut self, line: &str, start: usize) -> Result<(), Diagnostic> {
        let value = line.trim();
        if value.starts_with(['#', ';']) {
            return Ok(());
        }
        if value.is_empty() {
            if let Some(option) = self.current_option() {
                option.lines.push(String::new());
            }
            return Ok(());
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        let begin = start + (line.len() - line.trim_start().len());
        let range = begin..begin + value.len();
        if indent > self.indent
            && let Some(option) = self.current_option()
        {
            option.lines.push(value.to_owned());
            option.range.end = range.end;
            return Ok(());
        }
        self.indent = indent;
        match value.strip_prefix('[').and_then(|inner| inner.rsplit_once(']')) {
            Some((name, _)) if !name.is_empty() => self.header(name, range),
            _ => self.entry(value, range),
        }
    }

    fn header(&mut self, name: &str, range: Range<usize>) -> Result<(), Diagnostic> {
        self.option = None;
        if name == "DEFAULT" {
            self.section = Some(Current::Default);
            return Ok(());
        }
        if self.ini.sections.insert(name.to_owned(), Section::default()).is_some() {
            return Err(self.error(range, format!("the section [{name}] is there twice"), "join the two"));
        }
        self.section = Some(Current::Named(name.to_owned()));
        Ok(())
    }

    fn entry(&mut self, value: &str, range: Range<usize>) -> Result<(), Diagnostic> {
        if self.section.is_none() {
            let help = "begin the file with [alembic]";
            return Err(self.error(range, "there is a line before the first section".to_owned(), help));
        }
        let Some((key, text)) = value.split_once(['=', ':']) else {
            let help = "write 'name = value', or begin a comment line with '#'";
            return Err(self.error(range, "the line is neither a section nor an option".to_owned(), help));
        };
        let key = key.trim_end().to_lowercase();
        let text = text.trim();
        let range = range.end - text.len()..range.end;
        let section = match &self.section {
            Some(Current::Named(name)) => self.ini.sections.entry(name.clone()).or_default(),
            _ => &mut self.ini.defaults,
        };
        if section
            .options
            .insert(key.clone(), Opt { lines: vec![text.to_owned()], range: range.clone() })
            .is_some()
        {
            return Err(self.error(range, format!("the option '{key}' is there twice"), "delete one"));
        }
        self.option = Some(key);
        Ok(())
    }

    fn current_option(&mut self) -> Option<&mut Opt> {
        let key = self.option.as_ref()?;
        match self.section.as_ref()? {
            Current::Default => self.ini.defaults.options.get_mut(key),
            Current::Named(name) => self.ini.sections.get_mut(name)?.options.get_mut(key),
        }
    }

    fn error(&self, range: Range<usize>, message: String, help: &str) -> Diagnostic {
        Diagnostic::error("alembic-config/syntax", message).at(self.ini.source.place(range)).help(help)
    }
}

#[cfg(test)]
mod tests {
    use super::Ini;

    fn get(text: &str, key: &str) -> Option<String> {
        let ini = Ini::parse("alembic.ini", text, "/srv/app").unwrap();
        ini.get("alembic", key).unwrap().map(|found| found.text)
    }

    #[test]
    fn values_are_read_as_configparser_reads_them() {
        let text = "[DEFAULT]\nroot = %(here)s/db\n# a comment\n[alembic]\nScript_Location = %(root)s/alembic\n\
                    version_locations =\n    %(here)s/a\n\n    # not a value\n    b:c\nurl: x%%y = z ; kept\n";
        assert_eq!(get(text, "script_location").as_deref(), Some("/srv/app/db/alembic"));
        assert_eq!(get(text, "version_locations").as_deref(), Some("\n/srv/app/a\n\nb:c"));
        assert_eq!(get(text, "url").as_deref(), Some("x%y = z ; kept"));
        assert_eq!(get(text, "root").as_deref(), Some("/srv/app/db"));
        assert_eq!(get(text, "missing"), None);
    }

    #[test]
    fn defaults_do_not_count_without_the_section() {
        let ini = Ini::parse("alembic.ini", "[DEFAULT]\na = 1\n[other]\n", "/").unwrap();
        assert!(ini.get("alembic", "a").unwrap().is_none());
        assert_eq!(ini.get("other", "a").unwrap().unwrap().text, "1");
    }

    #[test]
    fn what_configparser_refuses_is_refused_with_its_line() {
        let cases = [
            ("a = 1\n", 1),
            ("[alembic]\nnonsense\n", 2),
            ("[alembic]\na = 1\nA = 2\n", 3),
            ("[alembic]\n[alembic]\n", 2),
        ];
        for (text, line) in cases {
            let error = Ini::parse("alembic.ini", text, "/").unwrap_err();
            assert_eq!(error.place.unwrap().line(), line, "{text}");
        }
        for text in ["[alembic]\na = 100%\n", "[alembic]\na = %(b)s\n", "[alembic]\na = %(a)s\n"] {
            let ini = Ini::parse("alembic.ini", text, "/").unwrap();
            let error = ini.get("alembic", "a").unwrap_err();
            assert_eq!(error.place.unwrap().line(), 2, "{text}");
        }
    }
}
