//! Names, fields and indexes.

use cel::common::ast::{CallExpr, Expr, IdedExpr, operators};
use serde_json::Value;

use super::{Checker, constant, held_by, make};
use crate::scope::{AUTH_FIELDS, EVENT_FIELDS, REQUEST_FIELDS, Reserved};
use crate::tree::{Constant, Kind, Name, Node, RequestField, Span};
use crate::types::{Type, TypeName};

impl Checker<'_> {
    pub(super) fn ident(&mut self, id: u64, name: &str) -> Node {
        let span = self.spans.token(id);
        if let Some(slot) = self.variables.iter().rposition(|variable| variable.name == name) {
            let variable = &self.variables[slot];
            let open = variable.open;
            let mut node = make(Kind::Variable(slot), span, variable.kind_of);
            node.open = open;
            return node;
        }
        match self.scope.reserved(name) {
            Some(found) if !self.scope.has(found) => {
                let field =
                    if self.scope.doc { format!(" (The document's field is doc.{name}.)") } else { String::new() };
                self.faulty(span, format!("`{name}` can't be used here. {}{field}", self.scope.listed()))
            }
            Some(Reserved::Request) => {
                self.faulty(span, "Write one of request.time, request.ip, request.method and request.id.")
            }
            Some(Reserved::Value(name)) => make(Kind::Name(name), span, type_of(name)),
            None if self.scope.event && EVENT_FIELDS.contains(&name) => {
                let of = Box::new(make(Kind::Name(Name::Params), span, Type::Map));
                make(Kind::Select { of, name: name.into() }, span, Type::Json)
            }
            None if self.scope.bare_fields && !name.starts_with('.') => {
                let of = Box::new(make(Kind::Name(Name::Doc), span, Type::Map));
                make(Kind::Select { of, name: name.into() }, span, Type::Json)
            }
            None => {
                let field =
                    if self.scope.doc { format!(" The document's field is doc.{name}.") } else { String::new() };
                self.faulty(span, format!("`{name}` is unknown. {}{field}", self.scope.listed()))
            }
        }
    }

    /// `operand.field`
    pub(super) fn select(&mut self, id: u64, operand: &IdedExpr, field: &str, depth: usize) -> Node {
        let end = self.spans.after(id);
        self.field(operand, field, end, depth)
    }

    fn field(&mut self, operand: &IdedExpr, field: &str, end: Span, depth: usize) -> Node {
        if let Some(token) = self.plain_request(operand) {
            let span = token.to(end);
            return match self.request_field(span, field) {
                Some(RequestField::Time) => make(Kind::Request(RequestField::Time), span, Type::Time),
                Some(RequestField::Ip) => make(Kind::Request(RequestField::Ip), span, Type::Json),
                Some(found) => make(Kind::Request(found), span, Type::Text),
                None => make(Kind::Constant(Constant::Json(Value::Null)), span, Type::Any),
            };
        }
        let of = self.node(operand, depth + 1);
        let span = self.outer(&of).to(end);
        self.check_holder(&of, field, span);
        let kind_of = match &of.kind {
            Kind::Name(Name::Doc | Name::Next) if matches!(field, "id" | "rev" | "createdAt" | "updatedAt") => {
                Type::Text
            }
            _ => held_by(&of),
        };
        make(Kind::Select { of: Box::new(of), name: field.into() }, span, kind_of)
    }

    fn check_holder(&mut self, of: &Node, field: &str, span: Span) {
        if matches!(of.kind, Kind::Name(Name::Auth)) && !AUTH_FIELDS.contains(&field) {
            self.fault(span, format!("auth has no `{field}`; it has {}.", AUTH_FIELDS.join(", ")));
        }
        if !of.kind_of.may_be(Type::Map) {
            self.fault(span, format!("There is no field `{field}` in {}.", of.kind_of));
        }
    }

    /// The place of the name `request`, if that is what the operand is.
    fn plain_request(&self, operand: &IdedExpr) -> Option<Span> {
        let Expr::Ident(name) = &operand.expr else { return None };
        let is_variable = self.variables.iter().any(|variable| variable.name == *name);
        let is_request = name == "request" && self.scope.request && !is_variable;
        is_request.then(|| self.spans.token(operand.id))
    }

    fn request_field(&mut self, span: Span, field: &str) -> Option<RequestField> {
        let found = REQUEST_FIELDS.iter().find(|(name, _)| *name == field).map(|(_, found)| *found);
        if found.is_none() {
            self.fault(span, format!("request has no `{field}`; it has time, ip, method and id."));
        }
        found
    }

    /// `operand[key]`; with a constant text it is a field like any other.
    pub(super) fn index(&mut self, id: u64, sides: &[IdedExpr], depth: usize) -> Node {
        let [operand, key] = sides else { return self.misread(id) };
        let bracket = self.spans.bracket(id);
        let key = self.node(key, depth + 1);
        if let Some(name) = key.constant_text() {
            return self.field(operand, name, bracket, depth);
        }
        let of = self.node(operand, depth + 1);
        let span = self.outer(&of).to(bracket);
        let fits = match of.kind_of {
            Type::Map => key.kind_of.may_be(Type::Text),
            Type::List => key.kind_of.may_be(Type::Number),
            Type::Any | Type::Json => key.kind_of.may_be(Type::Text) || key.kind_of.may_be(Type::Number),
            _ => false,
        };
        if !fits {
            self.fault(span, format!("{} can't be asked for {} in brackets.", capital(of.kind_of), key.kind_of));
        }
        let kind_of = held_by(&of);
        make(Kind::Index(Box::new([of, key])), span, kind_of)
    }

    /// `has(operand.field)`; in filters also `has(field)`.
    pub(super) fn has(&mut self, id: u64, argument: &IdedExpr, depth: usize) -> Node {
        let span = self.spans.call(id);
        let asked = match &argument.expr {
            Expr::Select(select) => Some((&*select.operand, select.field.clone())),
            Expr::Call(CallExpr { func_name, args, .. }) if func_name == operators::INDEX => match args.as_slice() {
                [operand, key] => text_literal(key).map(|text| (operand, text)),
                _ => None,
            },
            Expr::Ident(name) if self.is_bare_field(name) => {
                let of = Box::new(make(Kind::Name(Name::Doc), self.spans.token(argument.id), Type::Map));
                return make(Kind::Has { of, name: name.as_str().into() }, span, Type::Bool);
            }
            _ => None,
        };
        let Some((operand, field)) = asked else {
            return self.faulty(span, "has() asks whether a field is there: has(doc.title).");
        };
        if self.plain_request(operand).is_some() {
            self.request_field(span, &field);
            return constant(Value::Bool(true), span, Type::Bool);
        }
        let of = self.node(operand, depth + 1);
        self.check_holder(&of, &field, span);
        make(Kind::Has { of: Box::new(of), name: field.into() }, span, Type::Bool)
    }

    fn is_bare_field(&self, name: &str) -> bool {
        let is_variable = self.variables.iter().any(|variable| variable.name == name);
        self.scope.bare_fields && !is_variable && self.scope.reserved(name).is_none() && !name.starts_with('.')
    }

    /// The names of types, which mean types only beside a `type(…)`; `None` if it is something else.
    pub(super) fn type_names(&self, expr: &IdedExpr) -> Option<Node> {
        match &expr.expr {
            Expr::Ident(name) => {
                let found = TypeName::ALL.into_iter().find(|found| found.name() == name)?;
                Some(make(Kind::Constant(Constant::Type(found)), self.spans.token(expr.id), Type::Kind))
            }
            Expr::List(list) => {
                let names: Option<Vec<Node>> = list.elements.iter().map(|element| self.type_names(element)).collect();
                Some(make(Kind::List(names?), self.spans.bracket(expr.id), Type::List))
            }
            _ => None,
        }
    }

    /// A node that the parser made in a form that it is not known to make.
    pub(super) fn misread(&mut self, id: u64) -> Node {
        self.faulty(self.spans.token(id), "The expression can't be parsed here.")
    }
}

fn type_of(name: Name) -> Type {
    match name {
        // Null for a visitor.
        Name::Auth | Name::Data | Name::Input => Type::Json,
        Name::Event => Type::Text,
        Name::Doc | Name::Next | Name::Vars | Name::Params => Type::Map,
    }
}

fn text_literal(expr: &IdedExpr) -> Option<String> {
    match &expr.expr {
        Expr::Literal(cel::common::ast::LiteralValue::String(text)) => Some(text.inner().to_owned()),
        _ => None,
    }
}

pub(super) fn capital(kind_of: Type) -> String {
    let text = kind_of.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
