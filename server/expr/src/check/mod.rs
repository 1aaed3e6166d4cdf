//! From the parser's syntax tree to the typed tree: names, functions, types as far as they are known, depth.
//!
//! Everything is checked before anything is computed: a name that doesn't exist is a fault even where its value would not
//! matter.

mod calls;
mod functions;
mod names;
mod operators;

use basalt_core::limits::EXPRESSION_DEPTH;
use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr, LiteralValue};
use serde_json::{Map, Number, Value};

use crate::fault::Fault;
use crate::parse::{Parsed, Spans, too_deep};
use crate::scope::{FieldTypes, Scope};
use crate::tree::{Constant, Kind, Name, Node, Span};
use crate::types::Type;

/// Faults that are told at once.
const FAULTS: usize = 20;

pub(crate) fn check(parsed: &Parsed, scope: &Scope, types: &dyn FieldTypes) -> Result<Node, Vec<Fault>> {
    let mut checker = Checker { spans: &parsed.spans, scope, types, variables: Vec::new(), faults: Vec::new() };
    let root = checker.node(&parsed.root, 1);
    checker.want(&root, Type::Bool, "The result has to be a condition");
    checker.check_limits(&root, true);
    if checker.faults.is_empty() {
        return Ok(root);
    }
    checker.faults.sort_by_key(|fault| (fault.line, fault.column));
    checker.faults.dedup();
    checker.faults.truncate(FAULTS);
    Err(checker.faults)
}

/// What is true where a guard and the condition that goes with it both are. All are checked already.
pub(crate) fn any_of(branches: Vec<[Node; 2]>, end: usize) -> Node {
    let both = |[guard, condition]: [Node; 2]| {
        let span = guard.span.to(condition.span);
        make(Kind::And(vec![guard, condition]), span, Type::Bool)
    };
    make(Kind::Or(branches.into_iter().map(both).collect()), Span::new(0, end), Type::Bool)
}

struct Checker<'c> {
    spans: &'c Spans,
    scope: &'c Scope,
    types: &'c dyn FieldTypes,
    /// The elements of the enclosing macros.
    variables: Vec<Variable>,
    faults: Vec<Fault>,
}

struct Variable {
    name: String,
    kind_of: Type,
    open: bool,
}

impl Checker<'_> {
    fn fault(&mut self, at: Span, message: impl Into<String>) {
        self.faults.push(Fault::at(self.spans.source(), at.from(), message));
    }

    /// A fault, and a node in the faulty one's place that raises no others.
    fn faulty(&mut self, at: Span, message: impl Into<String>) -> Node {
        self.fault(at, message);
        make(Kind::Constant(Constant::Json(Value::Null)), at, Type::Any)
    }

    fn want(&mut self, node: &Node, wanted: Type, what: &str) {
        if !node.kind_of.may_be(wanted) {
            self.fault(node.span, format!("{what}, {wanted}; this is {}.", node.kind_of));
        }
    }

    fn outer(&self, node: &Node) -> Span {
        self.spans.with_brackets(node.span)
    }

    fn node(&mut self, expr: &IdedExpr, depth: usize) -> Node {
        if depth > EXPRESSION_DEPTH {
            return self.faulty(self.spans.token(expr.id), too_deep());
        }
        match &expr.expr {
            Expr::Literal(literal) => self.literal(expr.id, literal),
            Expr::Ident(name) => self.ident(expr.id, name),
            Expr::Select(select) => self.select(expr.id, &select.operand, &select.field, depth),
            Expr::Call(call) => self.call(expr.id, call, depth),
            Expr::List(list) => self.list(expr.id, &list.elements, depth),
            Expr::Map(map) => self.map(expr.id, &map.entries, depth),
            Expr::Struct(message) => {
                let text =
                    format!("There are no message types (`{}`); a map is written {{'a': 1}}.", message.type_name);
                self.faulty(self.spans.token(expr.id), text)
            }
            Expr::Comprehension(_) | Expr::Unspecified => {
                self.faulty(self.spans.token(expr.id), "The expression can't be parsed here.")
            }
        }
    }

    fn literal(&mut self, id: u64, literal: &LiteralValue) -> Node {
        let span = self.spans.token(id);
        match literal {
            LiteralValue::Null => make(Kind::Constant(Constant::Json(Value::Null)), span, Type::Null),
            LiteralValue::Boolean(value) => constant((*value.inner()).into(), span, Type::Bool),
            LiteralValue::Int(value) => {
                let value = *value.inner();
                constant(value.into(), self.spans.number(id, value < 0), Type::Number)
            }
            LiteralValue::Double(value) => {
                let value = *value.inner();
                let number = Number::from_f64(value).map_or(Value::Null, Value::Number);
                constant(number, self.spans.number(id, value.is_sign_negative()), Type::Number)
            }
            LiteralValue::String(text) if text.inner().contains('\0') => {
                self.faulty(span, "No stored text holds U+0000, so none is compared with it.")
            }
            LiteralValue::String(text) => constant(text.inner().into(), span, Type::Text),
            LiteralValue::UInt(_) => self.faulty(span, "There are no unsigned numbers; write it without the u."),
            LiteralValue::Bytes(_) => self.faulty(span, "There are no byte strings; write a text without the b."),
        }
    }

    fn list(&mut self, id: u64, elements: &[IdedExpr], depth: usize) -> Node {
        let span = self.spans.bracket(id);
        let nodes: Vec<Node> = elements.iter().map(|element| self.node(element, depth + 1)).collect();
        let constants: Option<Vec<Value>> = nodes.iter().map(constant_json).collect();
        match constants {
            Some(values) => constant(Value::Array(values), span, Type::List),
            None => make(Kind::List(nodes), span, Type::List),
        }
    }

    fn map(&mut self, id: u64, entries: &[IdedEntryExpr], depth: usize) -> Node {
        let span = self.spans.bracket(id);
        let mut nodes: Vec<[Node; 2]> = Vec::with_capacity(entries.len());
        for entry in entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
            let key = self.node(&entry.key, depth + 1);
            self.want(&key, Type::Text, "A map's key has to be");
            if nodes
                .iter()
                .any(|[before, _]| key.constant_text().is_some() && before.constant_text() == key.constant_text())
            {
                self.fault(key.span, "The key appears twice.");
            }
            let value = self.node(&entry.value, depth + 1);
            nodes.push([key, value]);
        }
        let entry_of = |[key, value]: &[Node; 2]| Some((key.constant_text()?.to_owned(), constant_json(value)?));
        let constants: Option<Map<String, Value>> = nodes.iter().map(entry_of).collect();
        match constants {
            Some(map) => constant(Value::Object(map), span, Type::Map),
            None => make(Kind::Map(nodes), span, Type::Map),
        }
    }

    /// A limit takes a token, so it stands only where its answer decides: as an operand of `&&` and `||`, or as a
    /// ternary's branch.
    fn check_limits(&mut self, node: &Node, is_decisive: bool) {
        if !node.limits {
            return;
        }
        match &node.kind {
            Kind::Limit(_) if is_decisive => {}
            Kind::Limit(_) => {
                self.fault(
                    node.span,
                    "limit() is an operand of && or ||, or the whole condition; it can't stand here.",
                );
            }
            Kind::And(parts) | Kind::Or(parts) => parts.iter().for_each(|part| self.check_limits(part, is_decisive)),
            Kind::Ternary(parts) => {
                self.check_limits(&parts[0], false);
                self.check_limits(&parts[1], is_decisive);
                self.check_limits(&parts[2], is_decisive);
            }
            _ => node.children().into_iter().for_each(|child| self.check_limits(child, false)),
        }
    }
}

/// A node whose value depends on `doc` where a child's does.
fn make(kind: Kind, span: Span, kind_of: Type) -> Node {
    let mut node = Node { kind, span, kind_of, open: false, limits: false };
    let is_open = matches!(node.kind, Kind::Name(Name::Doc) | Kind::Unchanged(_));
    let is_limit = matches!(node.kind, Kind::Limit(_));
    let children = node.children();
    let open = is_open || children.iter().any(|child| child.open);
    let limits = is_limit || children.iter().any(|child| child.limits);
    node.open = open;
    node.limits = limits;
    node
}

fn constant(value: Value, span: Span, kind_of: Type) -> Node {
    make(Kind::Constant(Constant::Json(value)), span, kind_of)
}

fn constant_json(node: &Node) -> Option<Value> {
    match &node.kind {
        Kind::Constant(Constant::Json(value)) => Some(value.clone()),
        _ => None,
    }
}

/// What is known of the values that a map or a list holds.
fn held_by(node: &Node) -> Type {
    match &node.kind {
        Kind::Name(_) | Kind::Get { .. } | Kind::Constant(_) => Type::Json,
        Kind::List(items) => items.iter().map(|item| item.kind_of).reduce(Type::either).unwrap_or(Type::Any),
        _ if node.kind_of == Type::Json => Type::Json,
        _ => Type::Any,
    }
}
