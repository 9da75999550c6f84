//! Signs in a revision file's syntax tree: classes of known packages, and SQL in its strings.

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprFString, FStringPart, InterpolatedStringElement, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::signs::CLASSES;
use super::{Sign, sql};
use crate::reader::parse::bytes;

/// Everything that a file uses or creates when it is applied.
pub(super) fn signs(body: &[Stmt]) -> Vec<Sign> {
    let mut finder = Finder::default();
    finder.visit_body(body);
    finder.signs
}

#[derive(Default)]
struct Finder {
    /// The packages imported so far, by their first name.
    packages: Vec<String>,
    signs: Vec<Sign>,
}

impl Finder {
    fn imports(&mut self, module: &str) {
        self.packages.push(module.split('.').next().unwrap_or_default().to_owned());
    }

    fn class(&mut self, name: &str, range: TextRange) {
        let imported = |package: &str| self.packages.iter().any(|known| known == package);
        let known = CLASSES.iter().find(|(class, package, _)| *class == name && imported(package));
        if let Some((_, _, extension)) = known {
            self.push(extension, name, false, range);
        }
    }

    fn sql(&mut self, text: &str, range: TextRange) {
        for (extension, word, creates) in sql::signs(text) {
            self.push(&extension, &word, creates, range);
        }
    }

    fn push(&mut self, extension: &str, word: &str, creates: bool, range: TextRange) {
        let (extension, word) = (extension.to_owned(), word.to_owned());
        self.signs.push(Sign { extension, word, creates, range: bytes(range) });
    }
}

impl<'a> Visitor<'a> for Finder {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) if function.name.as_str() == "downgrade" => {}
            // A docstring, or a string that stands alone, does nothing.
            Stmt::Expr(alone) if alone.value.is_string_literal_expr() => {}
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.imports(&alias.name)),
            Stmt::ImportFrom(import) => {
                if let Some(module) = &import.module {
                    self.imports(module);
                }
            }
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::StringLiteral(text) => self.sql(text.value.to_str(), expr.range()),
            Expr::FString(text) => self.sql(&literal_parts(text), expr.range()),
            Expr::Name(name) => self.class(&name.id, expr.range()),
            Expr::Attribute(attribute) => self.class(&attribute.attr, expr.range()),
            _ => {}
        }
        walk_expr(self, expr);
    }
}

/// The text of an f-string, with a word in the place of each value.
fn literal_parts(text: &ExprFString) -> String {
    let mut result = String::new();
    for part in &text.value {
        match part {
            FStringPart::Literal(literal) => result.push_str(literal),
            FStringPart::FString(formatted) => {
                for element in &formatted.elements {
                    match element {
                        InterpolatedStringElement::Literal(literal) => result.push_str(&literal.value),
                        InterpolatedStringElement::Interpolation(_) => result.push_str("value"),
                    }
                }
            }
        }
    }
    result
}
