//! The values that a module binds to its names, as far as they are written down rather than computed.
//!
//! Python would run the file; this only reads it. Whatever it cannot be sure of is [`Value::Computed`].

use std::collections::HashMap;
use std::ops::Range;

use ruff_python_ast::visitor::{Visitor, walk_except_handler, walk_expr, walk_pattern, walk_stmt};
use ruff_python_ast::{Alias, ExceptHandler, Expr, Operator, Pattern, Stmt};
use ruff_text_size::Ranged;

use super::parse::bytes;

/// How deep literals may nest before they count as computed.
const DEEPEST_LITERAL: usize = 50;

/// What a name is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    None,
    Text(String),
    /// A tuple, list or set of texts and `None`s.
    List(Vec<Option<String>>),
    /// A literal that no declaration may have; its kind, for the message.
    Other(&'static str),
    /// Only running the file tells.
    Computed,
}

/// A name's last binding.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) value: Value,
    /// The value, or the statement that computes it, in bytes.
    pub(crate) range: Range<usize>,
}

/// The names of a module.
#[derive(Debug, Default)]
pub(crate) struct Bindings<'a> {
    names: HashMap<&'a str, Binding>,
    /// A star import may bind any name.
    pub(crate) star_import: Option<Range<usize>>,
}

impl<'a> Bindings<'a> {
    /// Reads the top level of a module, in order: the last binding of a name wins, unless a function may rebind it.
    pub(crate) fn of(body: &'a [Stmt], text: &str) -> Self {
        let mut bindings = Self::default();
        for statement in body {
            bindings.read(statement);
        }
        // Almost no file has the word; the others need not be walked.
        if text.contains("global") {
            let mut rebound = Rebound::default();
            rebound.visit_body(body);
            for (name, range) in rebound.names {
                bindings.computed(name, range);
            }
        }
        bindings
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Binding> {
        self.names.get(name)
    }

    fn read(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    self.assign(target, Some(&assign.value), bytes(assign.value.range()));
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.assign(&assign.target, Some(value), bytes(value.range()));
                }
            }
            // Python runs neither body when it imports the file.
            Stmt::FunctionDef(function) => self.computed(&function.name, bytes(function.name.range())),
            Stmt::ClassDef(class) => self.computed(&class.name, bytes(class.name.range())),
            _ => self.computed_inside(statement),
        }
    }

    fn assign(&mut self, target: &'a Expr, value: Option<&Expr>, range: Range<usize>) {
        match target {
            Expr::Name(name) => {
                let value = value.map_or(Value::Computed, |value| self.evaluate(value, 0));
                self.names.insert(name.id.as_str(), Binding { value, range });
            }
            Expr::Tuple(tuple) => self.assign_each(&tuple.elts, value, &range),
            Expr::List(list) => self.assign_each(&list.elts, value, &range),
            Expr::Starred(starred) => self.assign(&starred.value, None, range),
            // An attribute or an element binds no name.
            _ => {}
        }
    }

    /// `a, b = "x", "y"`: by position when both sides are written out, computed otherwise.
    fn assign_each(&mut self, targets: &'a [Expr], value: Option<&Expr>, range: &Range<usize>) {
        let values: &[Expr] = match value {
            Some(Expr::Tuple(tuple)) => &tuple.elts,
            Some(Expr::List(list)) => &list.elts,
            _ => &[],
        };
        let starred = |exprs: &[Expr]| exprs.iter().any(Expr::is_starred_expr);
        let by_position = values.len() == targets.len() && !starred(values) && !starred(targets);
        for (at, target) in targets.iter().enumerate() {
            let value = values.get(at).filter(|_| by_position);
            let range = value.map_or_else(|| range.clone(), |value| bytes(value.range()));
            self.assign(target, value, range);
        }
    }

    fn computed(&mut self, name: &'a str, range: Range<usize>) {
        self.names.insert(name, Binding { value: Value::Computed, range });
    }

    /// Every name that a statement might bind is computed from here on.
    fn computed_inside(&mut self, statement: &'a Stmt) {
        let mut found = BoundNames::default();
        found.visit_stmt(statement);
        for (name, range) in found.names {
            self.computed(name, range);
        }
        if found.star_import.is_some() {
            self.star_import = found.star_import;
        }
    }

    fn evaluate(&self, expr: &Expr, depth: usize) -> Value {
        if depth > DEEPEST_LITERAL {
            return Value::Computed;
        }
        match expr {
            Expr::StringLiteral(text) => Value::Text(text.value.to_str().to_owned()),
            Expr::NoneLiteral(_) => Value::None,
            Expr::Tuple(tuple) => self.evaluate_all(&tuple.elts, depth),
            Expr::List(list) => self.evaluate_all(&list.elts, depth),
            Expr::Set(set) => self.evaluate_all(&set.elts, depth),
            Expr::Name(name) => self.get(&name.id).map_or(Value::Computed, |binding| binding.value.clone()),
            Expr::BinOp(sum) if sum.op == Operator::Add => {
                match (self.evaluate(&sum.left, depth + 1), self.evaluate(&sum.right, depth + 1)) {
                    (Value::Text(left), Value::Text(right)) => Value::Text(left + &right),
                    (Value::List(mut left), Value::List(right)) => {
                        left.extend(right);
                        Value::List(left)
                    }
                    _ => Value::Computed,
                }
            }
            Expr::NumberLiteral(_) => Value::Other("a number"),
            Expr::BooleanLiteral(_) => Value::Other("a boolean"),
            Expr::BytesLiteral(_) => Value::Other("bytes"),
            Expr::Dict(_) => Value::Other("a dictionary"),
            _ => Value::Computed,
        }
    }

    fn evaluate_all(&self, items: &[Expr], depth: usize) -> Value {
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Expr::Starred(starred) => match self.evaluate(&starred.value, depth + 1) {
                    Value::List(items) => list.extend(items),
                    _ => return Value::Computed,
                },
                item => match self.evaluate(item, depth + 1) {
                    Value::Text(text) => list.push(Some(text)),
                    Value::None => list.push(None),
                    Value::Computed => return Value::Computed,
                    Value::List(_) => return Value::Other("a nested list"),
                    Value::Other(_) => return Value::Other("a list of something other than strings"),
                },
            }
        }
        Value::List(list)
    }
}

/// Collects every name that statements may bind at module level, in whatever order they run.
#[derive(Default)]
struct BoundNames<'a> {
    names: Vec<(&'a str, Range<usize>)>,
    star_import: Option<Range<usize>>,
}

impl<'a> BoundNames<'a> {
    fn bind_alias(&mut self, alias: &'a Alias) {
        let name = alias.asname.as_ref().unwrap_or(&alias.name);
        if name.as_str() == "*" {
            self.star_import = Some(bytes(alias.range()));
            return;
        }
        // `import a.b` binds `a`.
        let bound = name.as_str().split('.').next().unwrap_or_default();
        self.names.push((bound, bytes(alias.range())));
    }
}

/// Names that functions declare `global`: a call may bind them at any time.
#[derive(Default)]
struct Rebound<'a> {
    names: Vec<(&'a str, Range<usize>)>,
}

impl<'a> Visitor<'a> for Rebound<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Global(global) = statement {
            self.names.extend(global.names.iter().map(|name| (name.as_str(), bytes(name.range()))));
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, _: &'a Expr) {}
}

impl<'a> Visitor<'a> for BoundNames<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => self.names.push((&function.name, bytes(function.name.range()))),
            Stmt::ClassDef(class) => self.names.push((&class.name, bytes(class.name.range()))),
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.bind_alias(alias)),
            Stmt::ImportFrom(import) => import.names.iter().for_each(|alias| self.bind_alias(alias)),
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if !name.ctx.is_load() => self.names.push((&name.id, bytes(name.range()))),
            // Their names are their own.
            Expr::Lambda(_)
            | Expr::Generator(_)
            | Expr::ListComp(_)
            | Expr::SetComp(_)
            | Expr::DictComp(_) => {}
            _ => walk_expr(self, expr),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(named) = handler;
        if let Some(name) = &named.name {
            self.names.push((name, bytes(name.range())));
        }
        walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchAs(pattern) => pattern.name.as_ref(),
            Pattern::MatchStar(pattern) => pattern.name.as_ref(),
            Pattern::MatchMapping(pattern) => pattern.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.names.push((name, bytes(name.range())));
        }
        walk_pattern(self, pattern);
    }
}
