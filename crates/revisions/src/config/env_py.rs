//! What env.py passes to `context.configure`: the name and schema of the version table. Reads the text only.

use diagnostics::Source;
use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{Expr, Keyword};
use ruff_text_size::Ranged;

use super::Setting;
use crate::reader::parse::{bytes, parse};

/// The version table's name and schema.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct VersionTable {
    pub(super) name: Setting,
    pub(super) schema: Setting,
}

/// Reads env.py. A file that cannot be parsed says nothing: running it will tell.
pub(super) fn version_table(source: &Source) -> VersionTable {
    let mut finder =
        Finder { source, table: VersionTable { name: Setting::Default, schema: Setting::Default } };
    if let Ok(parsed) = parse(source) {
        finder.visit_body(parsed.suite());
    }
    finder.table
}

struct Finder<'a> {
    source: &'a Source,
    table: VersionTable,
}

impl Finder<'_> {
    fn setting(&self, keyword: &Keyword) -> Setting {
        match &keyword.value {
            Expr::StringLiteral(text) => Setting::Literal(text.value.to_str().to_owned()),
            Expr::NoneLiteral(_) => Setting::Default,
            computed => Setting::Dynamic(self.source.place(bytes(computed.range()))),
        }
    }

    /// Online and offline mode each have a call; where they differ, only running env.py tells.
    fn join(earlier: &Setting, later: Setting) -> Setting {
        match (earlier, &later) {
            (Setting::Dynamic(_), _) => earlier.clone(),
            (Setting::Literal(one), Setting::Literal(other)) if one != other => earlier.clone(),
            _ => later,
        }
    }
}

impl<'a> Visitor<'a> for Finder<'_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Call(call) = expr
            && let Expr::Attribute(function) = call.func.as_ref()
            && function.attr.as_str() == "configure"
        {
            for keyword in &call.arguments.keywords {
                let name = keyword.arg.as_ref().map(ruff_python_ast::Identifier::as_str);
                let setting = self.setting(keyword);
                match name {
                    Some("version_table") => {
                        self.table.name = Self::join(&self.table.name, setting);
                    }
                    Some("version_table_schema") => {
                        self.table.schema = Self::join(&self.table.schema, setting);
                    }
                    _ => {}
                }
            }
        }
        walk_expr(self, expr);
    }
}
