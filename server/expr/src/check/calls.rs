//! Which calls there are, and the macros.

use cel::common::ast::{CallExpr, Expr, IdedExpr};

use super::{Checker, Variable, held_by, make};
use crate::tree::{Kind, Macro, MacroKind, Node};
use crate::types::Type;

/// How each function is written.
const USAGES: [(&str, &str); 25] = [
    ("has", "has(doc.field)"),
    ("size", "size(x)"),
    ("startsWith", "text.startsWith(text)"),
    ("endsWith", "text.endsWith(text)"),
    ("contains", "text.contains(text)"),
    ("matches", "text.matches(pattern)"),
    ("exists", "list.exists(x, condition)"),
    ("all", "list.all(x, condition)"),
    ("exists_one", "list.exists_one(x, condition)"),
    ("map", "list.map(x, value)"),
    ("filter", "list.filter(x, condition)"),
    ("timestamp", "timestamp(text)"),
    ("duration", "duration('1h')"),
    ("int", "int(x)"),
    ("double", "double(x)"),
    ("string", "string(x)"),
    ("bool", "bool(x)"),
    ("type", "type(x)"),
    ("geo.distance", "geo.distance(point, point)"),
    ("get", "get('collection', id)"),
    ("exists", "exists('collection', id)"),
    ("unchanged", "unchanged('field')"),
    ("limit", "limit('name', 10, duration('1m'))"),
    ("existsOne", "list.exists_one(x, condition)"),
    ("distance", "geo.distance(point, point)"),
];

impl Checker<'_> {
    pub(super) fn call(&mut self, id: u64, call: &CallExpr, depth: usize) -> Node {
        if let Some(node) = self.operator(id, call, depth) {
            return node;
        }
        let name = call.func_name.as_str();
        let found = match (&call.target, call.args.as_slice()) {
            (None, args) => self.global(id, name, args, depth),
            (Some(target), [element, body]) if macro_kind(name).is_some() => {
                self.macro_call(id, name, target, [element, body, body], depth)
            }
            (Some(target), [element, filter, body]) if name == "map" => {
                self.macro_call(id, name, target, [element, filter, body], depth)
            }
            (Some(target), args) => self.method(id, name, target, args, depth),
        };
        found.unwrap_or_else(|| self.unknown_call(id, call))
    }

    fn unknown_call(&mut self, id: u64, call: &CallExpr) -> Node {
        let name = call.func_name.as_str();
        let span = self.spans.call(id);
        let usages: Vec<&str> = USAGES.iter().filter(|(own, _)| *own == name).map(|(_, usage)| *usage).collect();
        if !usages.is_empty() {
            return self.faulty(span, format!("{name}() is written {}.", usages.join(" or ")));
        }
        let mut known: Vec<&str> = USAGES[..23].iter().map(|(own, _)| *own).collect();
        known.dedup();
        self.faulty(span, format!("There is no function {name}(). There are {}.", known.join(", ")))
    }

    /// `target.name(element, body)`; three arguments are `map`'s element, condition and value.
    fn macro_call(
        &mut self,
        id: u64,
        name: &str,
        target: &IdedExpr,
        [element, filter, body]: [&IdedExpr; 3],
        depth: usize,
    ) -> Option<Node> {
        let kind = macro_kind(name)?;
        let range = self.node(target, depth + 1);
        let span = self.outer(&range).to(self.spans.bracket(id));
        self.want(&range, Type::List, &format!("{name}() goes over"));
        let variable = match &element.expr {
            Expr::Ident(variable) if self.scope.reserved(variable).is_none() && !variable.starts_with('.') => {
                variable.clone()
            }
            Expr::Ident(variable) => {
                return Some(
                    self.faulty(self.spans.token(element.id), format!("`{variable}` is taken: choose another name.")),
                );
            }
            _ => {
                let text = format!("{name}() wants a name for the element first: {name}(x, …).");
                return Some(self.faulty(self.spans.token(element.id), text));
            }
        };
        self.variables.push(Variable { name: variable, kind_of: held_by(&range), open: range.open });
        let filter = (!std::ptr::eq(filter, body)).then(|| self.node(filter, depth + 1));
        let body = self.node(body, depth + 1);
        self.variables.pop();
        if kind != MacroKind::Map {
            self.want(&body, Type::Bool, &format!("{name}() wants a condition"));
        }
        if let Some(filter) = &filter {
            self.want(filter, Type::Bool, "map(x, condition, value) wants a condition");
        }
        let kind_of = if matches!(kind, MacroKind::Map | MacroKind::Filter) { Type::List } else { Type::Bool };
        Some(make(Kind::Macro(Box::new(Macro { kind, range, body, filter })), span, kind_of))
    }
}

fn macro_kind(name: &str) -> Option<MacroKind> {
    Some(match name {
        "exists" => MacroKind::Exists,
        "all" => MacroKind::All,
        "exists_one" | "existsOne" => MacroKind::ExistsOne,
        "map" => MacroKind::Map,
        "filter" => MacroKind::Filter,
        _ => return None,
    })
}
