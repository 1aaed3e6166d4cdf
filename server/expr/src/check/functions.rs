//! The functions and their arguments.

use std::time::Duration;

use basalt_core::filter::TextTest;
use basalt_core::{CollectionName, FieldPath};
use cel::common::ast::{Expr, IdedExpr};
use serde_json::Value;

use super::{Checker, make};
use crate::eval::functions::{parse_duration, pattern};
use crate::tree::{Constant, Conversion, Kind, Limit, Node, Pattern};
use crate::types::Type;

/// The most tokens that a limit holds.
const LIMIT_CAPACITY: i64 = 1_000_000;

impl Checker<'_> {
    /// A call without a target; `None` where there is none of that name and number of arguments.
    pub(super) fn global(&mut self, id: u64, name: &str, args: &[IdedExpr], depth: usize) -> Option<Node> {
        Some(match (name, args) {
            ("has", [argument]) => self.has(id, argument, depth),
            ("size", [of]) => self.size(id, None, of, depth),
            ("matches", [text, pattern]) => self.matches(id, None, text, pattern, depth),
            ("timestamp", [of]) => self.timestamp(id, of, depth),
            ("duration", [of]) => self.duration(id, of, depth),
            ("int", [of]) => self.convert(id, of, Conversion::Int, Type::Number, depth),
            ("double", [of]) => self.convert(id, of, Conversion::Double, Type::Number, depth),
            ("string", [of]) => self.convert(id, of, Conversion::String, Type::Text, depth),
            ("bool", [of]) => self.convert(id, of, Conversion::Bool, Type::Bool, depth),
            ("type", [of]) => self.convert(id, of, Conversion::Type, Type::Kind, depth),
            ("get" | "exists", [collection, of]) => self.look_up(id, name, collection, of, depth),
            ("unchanged", [_, ..]) => self.unchanged(id, args, depth),
            ("limit", [name, capacity, period]) => self.limit(id, [name, capacity, period], depth),
            _ => return None,
        })
    }

    /// A call with a target.
    pub(super) fn method(
        &mut self,
        id: u64,
        name: &str,
        target: &IdedExpr,
        args: &[IdedExpr],
        depth: usize,
    ) -> Option<Node> {
        Some(match (name, args) {
            ("size", []) => self.size(id, Some(target), target, depth),
            ("startsWith", [part]) => self.text_test(id, TextTest::StartsWith, target, part, depth),
            ("endsWith", [part]) => self.text_test(id, TextTest::EndsWith, target, part, depth),
            ("contains", [part]) => self.text_test(id, TextTest::Contains, target, part, depth),
            ("matches", [pattern]) => self.matches(id, Some(target), target, pattern, depth),
            ("distance", [from, to]) if is_geo(target) => self.distance(id, target, [from, to], depth),
            _ => return None,
        })
    }

    /// The span of a call: from the target, or from the function's name.
    fn call_span(&self, id: u64, target: Option<&Node>) -> crate::tree::Span {
        target.map_or_else(|| self.spans.call(id), |target| self.outer(target).to(self.spans.bracket(id)))
    }

    fn size(&mut self, id: u64, target: Option<&IdedExpr>, of: &IdedExpr, depth: usize) -> Node {
        let of = self.node(of, depth + 1);
        let span = self.call_span(id, target.map(|_| &of));
        if ![Type::Text, Type::List, Type::Map].into_iter().any(|sized| of.kind_of.may_be(sized)) {
            self.fault(of.span, format!("size() wants a text, a list or a map; this is {}.", of.kind_of));
        }
        make(Kind::Size(Box::new(of)), span, Type::Number)
    }

    fn text_test(&mut self, id: u64, test: TextTest, target: &IdedExpr, part: &IdedExpr, depth: usize) -> Node {
        let asked = self.node(target, depth + 1);
        let part = self.node(part, depth + 1);
        let span = self.call_span(id, Some(&asked));
        self.want(&asked, Type::Text, "This function is one of");
        self.want(&part, Type::Text, "The argument has to be");
        make(Kind::Text(test, Box::new([asked, part])), span, Type::Bool)
    }

    fn matches(
        &mut self,
        id: u64,
        target: Option<&IdedExpr>,
        text: &IdedExpr,
        expression: &IdedExpr,
        depth: usize,
    ) -> Node {
        let text = self.node(text, depth + 1);
        let expression = self.node(expression, depth + 1);
        let span = self.call_span(id, target.map(|_| &text));
        self.want(&text, Type::Text, "matches() is asked of");
        self.want(&expression, Type::Text, "A pattern has to be");
        let pattern = match expression.constant_text().map(pattern) {
            Some(Ok(compiled)) => Pattern::Compiled(compiled),
            Some(Err(message)) => return self.faulty(expression.span, message),
            None => Pattern::Computed(Box::new(expression)),
        };
        make(Kind::Matches { text: Box::new(text), pattern }, span, Type::Bool)
    }

    fn timestamp(&mut self, id: u64, of: &IdedExpr, depth: usize) -> Node {
        let of = self.node(of, depth + 1);
        let span = self.spans.call(id);
        if let Some(text) = of.constant_text() {
            return match basalt_core::Timestamp::parse(text) {
                Some(time) => make(Kind::Constant(Constant::Time(time)), span, Type::Time),
                None => self.faulty(of.span, "This is no time in RFC 3339's form, such as 2026-11-22T08:00:00Z."),
            };
        }
        if ![Type::Text, Type::Number, Type::Time].into_iter().any(|fitting| of.kind_of.may_be(fitting)) {
            self.fault(of.span, format!("timestamp() wants a text; this is {}.", of.kind_of));
        }
        let stored = self.is_stored_time(&of);
        make(Kind::Timestamp { of: Box::new(of), stored }, span, Type::Time)
    }

    fn is_stored_time(&self, of: &Node) -> bool {
        if let Some(path) = of.doc_path().filter(|path| !path.is_empty()) {
            return self.types.is_time(&FieldPath::from_names(path));
        }
        // Of other collections only the server's own fields are known here.
        let Kind::Select { of, name } = &of.kind else { return false };
        matches!(of.kind, Kind::Get { .. }) && matches!(&**name, "createdAt" | "updatedAt")
    }

    fn duration(&mut self, id: u64, of: &IdedExpr, depth: usize) -> Node {
        let of = self.node(of, depth + 1);
        let span = self.spans.call(id);
        if let Some(text) = of.constant_text() {
            return match parse_duration(text) {
                Some(nanos) => make(Kind::Constant(Constant::Duration(nanos)), span, Type::Duration),
                None => self.faulty(
                    of.span,
                    "This is no duration, such as 1h30m or 500ms (the units are h, m, s, ms, us, ns).",
                ),
            };
        }
        if !of.kind_of.may_be(Type::Text) && !of.kind_of.may_be(Type::Duration) {
            self.fault(of.span, format!("duration() wants a text; this is {}.", of.kind_of));
        }
        make(Kind::Convert(Conversion::Duration, Box::new(of)), span, Type::Duration)
    }

    fn convert(&mut self, id: u64, of: &IdedExpr, conversion: Conversion, kind_of: Type, depth: usize) -> Node {
        let of = self.node(of, depth + 1);
        let accepted: &[Type] = match conversion {
            Conversion::Int => &[Type::Number, Type::Text, Type::Time],
            Conversion::Double => &[Type::Number, Type::Text],
            Conversion::String => &[Type::Number, Type::Text, Type::Bool, Type::Time, Type::Duration],
            Conversion::Bool => &[Type::Bool, Type::Text],
            Conversion::Duration | Conversion::Type => &[],
        };
        if !accepted.is_empty() && !accepted.iter().any(|fitting| of.kind_of.may_be(*fitting)) {
            self.fault(of.span, format!("This is {}, which can't be converted so.", of.kind_of));
        }
        make(Kind::Convert(conversion, Box::new(of)), self.spans.call(id), kind_of)
    }

    fn distance(&mut self, id: u64, target: &IdedExpr, points: [&IdedExpr; 2], depth: usize) -> Node {
        let points = points.map(|point| self.node(point, depth + 1));
        for point in &points {
            self.want(point, Type::Map, "A point {'lat': …, 'lng': …} is");
        }
        let span = self.spans.token(target.id).to(self.spans.bracket(id));
        make(Kind::Distance(Box::new(points)), span, Type::Number)
    }

    fn look_up(&mut self, call: u64, name: &str, collection: &IdedExpr, id: &IdedExpr, depth: usize) -> Node {
        let span = self.spans.call(call);
        if !self.scope.lookups {
            return self.faulty(span, format!("{name}() can't be used here. {}", self.scope.listed()));
        }
        let collection = self.node(collection, depth + 1);
        let id = self.node(id, depth + 1);
        self.want(&id, Type::Text, "A document's id is");
        let Some(text) = collection.constant_text() else {
            return self.faulty(collection.span, "The collection has to be written out as a text.");
        };
        match CollectionName::parse_public(text) {
            Ok(collection) if name == "get" => make(Kind::Get { collection, id: Box::new(id) }, span, Type::Map),
            Ok(collection) => make(Kind::Exists { collection, id: Box::new(id) }, span, Type::Bool),
            Err(_) => self.faulty(collection.span, format!("{text:?} is not a collection's name.")),
        }
    }

    fn unchanged(&mut self, id: u64, args: &[IdedExpr], depth: usize) -> Node {
        let span = self.spans.call(id);
        if !self.scope.unchanged || self.scope.lowered {
            return self.faulty(span, format!("unchanged() can't be used here. {}", self.scope.listed()));
        }
        let mut paths = Vec::with_capacity(args.len());
        for arg in args {
            let name = self.node(arg, depth + 1);
            match name.constant_text().map(FieldPath::parse) {
                Some(Ok(path)) => paths.push(path),
                _ => self.fault(name.span, "unchanged() wants the names of fields, written out as texts."),
            }
        }
        make(Kind::Unchanged(paths), span, Type::Bool)
    }

    fn limit(&mut self, id: u64, args: [&IdedExpr; 3], depth: usize) -> Node {
        let span = self.spans.call(id);
        if !self.scope.limit || self.scope.lowered {
            return self.faulty(span, format!("limit() can't be used here. {}", self.scope.listed()));
        }
        let [name, capacity, period] = args.map(|arg| self.node(arg, depth + 1));
        let name = name.constant_text().filter(|text| (1..=64).contains(&text.len())).map(str::to_owned);
        let capacity = match &capacity.kind {
            Kind::Constant(Constant::Json(Value::Number(number))) => number.as_i64(),
            _ => None,
        };
        let capacity = capacity.filter(|capacity| (1..=LIMIT_CAPACITY).contains(capacity));
        let period = match period.kind {
            Kind::Constant(Constant::Duration(nanos)) => u64::try_from(nanos).ok().filter(|nanos| *nanos > 0),
            _ => None,
        };
        let (Some(name), Some(capacity), Some(period)) = (name, capacity.and_then(|c| u32::try_from(c).ok()), period)
        else {
            return self.faulty(span, "limit() is written limit('name', 10, duration('1m')), with constants.");
        };
        let limit = Limit { name, capacity, period: Duration::from_nanos(period) };
        make(Kind::Limit(Box::new(limit)), span, Type::Bool)
    }
}

fn is_geo(target: &IdedExpr) -> bool {
    matches!(&target.expr, Expr::Ident(name) if name == "geo")
}
