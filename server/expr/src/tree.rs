//! The typed tree that an expression is checked into: one tree for the evaluator, the simulator and the lowering.

use basalt_core::filter::{Order, TextTest};
use basalt_core::{CollectionName, FieldPath, Timestamp};
use regex::Regex;
use serde_json::Value;

use crate::types::{Type, TypeName};

/// Bytes `from..end` of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    from: u32,
    end: u32,
}

impl Span {
    pub(crate) fn new(from: usize, end: usize) -> Self {
        let bounded = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { from: bounded(from), end: bounded(end) }
    }

    pub(crate) fn from(self) -> usize {
        self.from as usize
    }

    pub(crate) fn end(self) -> usize {
        self.end as usize
    }

    /// From the beginning of this one to the end of the other.
    pub(crate) fn to(self, other: Self) -> Self {
        Self { from: self.from, end: other.end }
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    pub(crate) kind_of: Type,
    /// Whether the value depends on `doc`, which lowering leaves open.
    pub(crate) open: bool,
    /// Whether a `limit()` is in it, which is asked only where its answer counts.
    pub(crate) limits: bool,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Constant(Constant),
    Name(Name),
    Request(RequestField),
    /// The element of the n-th enclosing macro, 0 being the outermost.
    Variable(usize),
    Select {
        of: Box<Node>,
        name: Box<str>,
    },
    Has {
        of: Box<Node>,
        name: Box<str>,
    },
    Index(Box<[Node; 2]>),
    List(Vec<Node>),
    Map(Vec<[Node; 2]>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    /// Condition, value if true, value if false.
    Ternary(Box<[Node; 3]>),
    Equal {
        sides: Box<[Node; 2]>,
        negated: bool,
    },
    Order(Order, Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    Arithmetic(Operator, Box<[Node; 2]>),
    Size(Box<Node>),
    Text(TextTest, Box<[Node; 2]>),
    Matches {
        text: Box<Node>,
        pattern: Pattern,
    },
    /// `timestamp(of)`; `stored`: of a field that holds canonical UTC texts, which order as instants do.
    Timestamp {
        of: Box<Node>,
        stored: bool,
    },
    Convert(Conversion, Box<Node>),
    Distance(Box<[Node; 2]>),
    Macro(Box<Macro>),
    Get {
        collection: CollectionName,
        id: Box<Node>,
    },
    Exists {
        collection: CollectionName,
        id: Box<Node>,
    },
    Unchanged(Vec<FieldPath>),
    Limit(Box<Limit>),
}

#[derive(Debug)]
pub(crate) enum Constant {
    Json(Value),
    Time(Timestamp),
    /// Nanoseconds.
    Duration(i64),
    Type(TypeName),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Auth,
    Doc,
    Next,
    Vars,
    Params,
    Event,
    Data,
    Input,
}

impl Name {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Doc => "doc",
            Self::Next => "next",
            Self::Vars => "vars",
            Self::Params => "params",
            Self::Event => "event",
            Self::Data => "data",
            Self::Input => "input",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestField {
    Id,
    Time,
    Ip,
    Method,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Operator {
    pub(crate) fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Subtract => '-',
            Self::Multiply => '*',
            Self::Divide => '/',
            Self::Modulo => '%',
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conversion {
    Duration,
    Int,
    Double,
    String,
    Bool,
    Type,
}

#[derive(Debug)]
pub(crate) enum Pattern {
    Compiled(Regex),
    Computed(Box<Node>),
}

#[derive(Debug)]
pub(crate) struct Macro {
    pub(crate) kind: MacroKind,
    pub(crate) range: Node,
    /// What is asked of each element, or made of it by `map`.
    pub(crate) body: Node,
    /// The condition of `map(e, condition, value)`.
    pub(crate) filter: Option<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacroKind {
    Exists,
    All,
    ExistsOne,
    Map,
    Filter,
}

#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) capacity: u32,
    pub(crate) period: std::time::Duration,
}

impl Node {
    /// The nodes right below this one.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Constant(_)
            | Kind::Name(_)
            | Kind::Request(_)
            | Kind::Variable(_)
            | Kind::Unchanged(_)
            | Kind::Limit(_) => Vec::new(),
            Kind::Select { of, .. }
            | Kind::Has { of, .. }
            | Kind::Timestamp { of, .. }
            | Kind::Not(of)
            | Kind::Negate(of)
            | Kind::Size(of)
            | Kind::Convert(_, of)
            | Kind::Get { id: of, .. }
            | Kind::Exists { id: of, .. } => vec![of],
            Kind::Index(pair)
            | Kind::Equal { sides: pair, .. }
            | Kind::Order(_, pair)
            | Kind::In(pair)
            | Kind::Arithmetic(_, pair)
            | Kind::Text(_, pair)
            | Kind::Distance(pair) => pair.iter().collect(),
            Kind::List(nodes) | Kind::And(nodes) | Kind::Or(nodes) => nodes.iter().collect(),
            Kind::Map(entries) => entries.iter().flatten().collect(),
            Kind::Ternary(parts) => parts.iter().collect(),
            Kind::Matches { text, pattern: Pattern::Compiled(_) } => vec![text],
            Kind::Matches { text, pattern: Pattern::Computed(pattern) } => vec![text, pattern],
            Kind::Macro(of) => [&of.range].into_iter().chain(&of.filter).chain([&of.body]).collect(),
        }
    }

    /// The same tree, that much further on in its source.
    pub(crate) fn shift(&mut self, by: usize) {
        self.span = Span::new(self.span.from() + by, self.span.end() + by);
        match &mut self.kind {
            Kind::Constant(_)
            | Kind::Name(_)
            | Kind::Request(_)
            | Kind::Variable(_)
            | Kind::Unchanged(_)
            | Kind::Limit(_) => {}
            Kind::Select { of, .. }
            | Kind::Has { of, .. }
            | Kind::Timestamp { of, .. }
            | Kind::Not(of)
            | Kind::Negate(of)
            | Kind::Size(of)
            | Kind::Convert(_, of)
            | Kind::Get { id: of, .. }
            | Kind::Exists { id: of, .. } => of.shift(by),
            Kind::Index(pair)
            | Kind::Equal { sides: pair, .. }
            | Kind::Order(_, pair)
            | Kind::In(pair)
            | Kind::Arithmetic(_, pair)
            | Kind::Text(_, pair)
            | Kind::Distance(pair) => pair.iter_mut().for_each(|node| node.shift(by)),
            Kind::List(nodes) | Kind::And(nodes) | Kind::Or(nodes) => nodes.iter_mut().for_each(|node| node.shift(by)),
            Kind::Map(entries) => entries.iter_mut().flatten().for_each(|node| node.shift(by)),
            Kind::Ternary(parts) => parts.iter_mut().for_each(|node| node.shift(by)),
            Kind::Matches { text, pattern } => {
                text.shift(by);
                if let Pattern::Computed(pattern) = pattern {
                    pattern.shift(by);
                }
            }
            Kind::Macro(of) => {
                let Macro { range, body, filter, .. } = &mut **of;
                [range, body].into_iter().chain(filter).for_each(|node| node.shift(by));
            }
        }
    }

    /// The names from `doc` to this place, if that is what it is (`doc` itself: none).
    pub(crate) fn doc_path(&self) -> Option<Vec<String>> {
        match &self.kind {
            Kind::Name(Name::Doc) => Some(Vec::new()),
            Kind::Select { of, name } => {
                let mut path = of.doc_path()?;
                path.push(name.to_string());
                Some(path)
            }
            _ => None,
        }
    }

    pub(crate) fn constant_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Constant(Constant::Json(Value::String(text))) => Some(text),
            _ => None,
        }
    }
}
