//! The evaluator: three-valued, over borrowed JSON, within a budget.
//!
//! A missing name or a type that doesn't fit is an *error*, the third truth value: `err || true` is true, `err && false`
//! is false, `!err` is err. Two more things can stand in a value's place: a document that isn't read yet, and a limit
//! without a token. They are absorbed by the same rules, so that nothing is read and nobody is told of a limit where the
//! answer doesn't depend on it.

mod budget;
mod compare;
pub(crate) mod functions;
mod logic;
mod lookups;
mod macros;
mod stop;
mod value;
mod watch;

use std::borrow::Cow;

use basalt_core::filter::Order;
use basalt_core::{CollectionName, DocumentId};
use serde_json::Value;

use crate::doc::Doc;
use crate::env::Env;
use crate::tree::{Kind, Limit, Name, Node, Pattern, RequestField};
use crate::types::TypeName;

use budget::Steps;
pub(crate) use compare::{equal, order};
pub(crate) use stop::{Exhaustion, Failure, Stop, Why};
pub(crate) use value::{List, Map, Val};
pub(crate) use watch::{Unwatched, Watch};

pub(crate) type Evaluated<'a> = Result<Val<'a>, Stop<'a>>;

pub(crate) struct Evaluator<'a, W> {
    env: Env<'a>,
    /// Whether names without a value, and what is looked up, stand for any value: unread, not an error.
    is_open: bool,
    pub(crate) steps: Steps,
    /// The elements of the enclosing macros.
    pub(crate) variables: Vec<Val<'a>>,
    lookups: Vec<(&'a CollectionName, DocumentId)>,
    needs: Vec<(CollectionName, DocumentId)>,
    watch: W,
}

impl<'a, W: Watch<'a>> Evaluator<'a, W> {
    pub(crate) fn new(env: Env<'a>, watch: W) -> Self {
        Self {
            env,
            is_open: false,
            steps: Steps::new(),
            variables: Vec::new(),
            lookups: Vec::new(),
            needs: Vec::new(),
            watch,
        }
    }

    /// Names without a value, and what is looked up, stand for any value.
    pub(crate) fn open(env: Env<'a>, watch: W) -> Self {
        Self { is_open: true, ..Self::new(env, watch) }
    }

    /// What has to be read, and who looked on.
    pub(crate) fn finish(self) -> (Vec<(CollectionName, DocumentId)>, W) {
        (self.needs, self.watch)
    }

    pub(crate) fn value(&mut self, node: &'a Node) -> Evaluated<'a> {
        self.steps.take(1)?;
        let result = self.compute(node);
        self.watch.seen(node, &result);
        result
    }

    pub(crate) fn condition(&mut self, node: &'a Node) -> Result<bool, Stop<'a>> {
        match self.value(node)? {
            Val::Bool(value) => Ok(value),
            other => failed(node, Why::NotACondition(other.type_name())),
        }
    }

    fn compute(&mut self, node: &'a Node) -> Evaluated<'a> {
        match &node.kind {
            Kind::Constant(constant) => Ok(Val::of_constant(constant)),
            Kind::Name(name) => self.name(node, *name),
            Kind::Request(field) => self.request(node, *field),
            Kind::Variable(slot) => {
                self.variables.get(*slot).cloned().map_or_else(|| failed(node, Why::Unbound("element")), Ok)
            }
            Kind::Select { of, name } => match self.stored(of, name) {
                Some(value) => Ok(Val::of(value)),
                None => self.select(node, of, name),
            },
            Kind::Has { of, name } => match self.holder(of, name)? {
                Some(map) => Ok(Val::Bool(map.contains_key(&**name))),
                None => self.has(node, of, name),
            },
            Kind::Index(sides) => self.index(node, &sides[0], &sides[1]),
            Kind::List(items) => {
                let items: Result<_, _> = items.iter().map(|item| self.value(item)).collect();
                Ok(Val::made_list(items?))
            }
            Kind::Map(entries) => self.map(entries),
            Kind::Not(of) => Ok(Val::Bool(!self.condition(of)?)),
            Kind::Negate(of) => self.negate(node, of),
            Kind::And(parts) => self.and(parts).map(Val::Bool),
            Kind::Or(parts) => self.or(parts).map(Val::Bool),
            Kind::Ternary(parts) => {
                let chosen = if self.condition(&parts[0])? { &parts[1] } else { &parts[2] };
                self.value(chosen)
            }
            Kind::Equal { sides, negated } => Ok(Val::Bool(self.equals(node, sides)? != *negated)),
            Kind::Order(order, sides) => self.ordered(node, *order, sides),
            Kind::In(sides) => self.contained(node, sides),
            Kind::Macro(of) => self.apply_macro(of),
            Kind::Get { collection, id } => self.get(node, collection, id),
            Kind::Exists { collection, id } => self.exists(collection, id),
            Kind::Unchanged(paths) => self.unchanged(node, paths),
            Kind::Limit(limit) => self.limit(node, limit),
            _ => self.function(node),
        }
    }

    // What is rarer is kept out of line: it would widen the stack frame of every node.
    #[inline(never)]
    fn function(&mut self, node: &'a Node) -> Evaluated<'a> {
        let computed = match &node.kind {
            Kind::Arithmetic(operator, sides) => {
                let (left, right) = self.pair(sides)?;
                match (&left, &right) {
                    (Val::Text(left), Val::Text(right)) => self.steps.take_for_text(left.len() + right.len())?,
                    (Val::List(left), Val::List(right)) => self.steps.take((left.len() + right.len()) / 16)?,
                    _ => {}
                }
                functions::arithmetic(*operator, &left, &right)
            }
            Kind::Size(of) => {
                let value = self.value(of)?;
                if let Val::Text(text) = &value {
                    self.steps.take_for_text(text.len())?;
                }
                functions::size(&value)
            }
            Kind::Text(test, sides) => match self.pair(sides)? {
                (Val::Text(whole), Val::Text(part)) => {
                    self.steps.take_for_text(whole.len())?;
                    Ok(Val::Bool(functions::text_test(*test, &whole, &part)))
                }
                (Val::Text(_), other) | (other, _) => Err(Why::Unfit("a text", other.type_name())),
            },
            Kind::Matches { text, pattern } => return self.matches(node, text, pattern),
            Kind::Timestamp { of, stored } => match self.value(of)? {
                // Its filter compares texts, so a number is no time here either.
                Val::Int(_) if *stored => Err(Why::Unfit("a text in RFC 3339's form", TypeName::Int)),
                value => functions::timestamp(&value),
            },
            Kind::Convert(conversion, of) => functions::convert(*conversion, &self.value(of)?),
            Kind::Distance(sides) => {
                let (left, right) = self.pair(sides)?;
                functions::distance(&left, &right)
            }
            _ => Err(Why::other("this has no value")),
        };
        computed.map_err(|why| Stop::Error(Failure { at: node.span, why }))
    }

    fn name(&self, node: &Node, name: Name) -> Evaluated<'a> {
        self.bound(name).map_or_else(|| self.unbound(node, name.text()), |value| Ok(Val::of(value)))
    }

    fn bound(&self, name: Name) -> Option<&'a Value> {
        match name {
            Name::Auth => Some(self.env.auth),
            Name::Doc | Name::Next => self.document(name).map(Doc::whole),
            Name::Vars => self.env.vars,
            Name::Params => self.env.params,
            Name::Event => self.env.message.map(|message| message.event),
            Name::Data => self.env.message.map(|message| message.data),
            Name::Input => self.env.input,
        }
    }

    fn document(&self, name: Name) -> Option<Doc<'a>> {
        match name {
            Name::Doc => self.env.doc,
            Name::Next => self.env.next,
            _ => None,
        }
    }

    /// The commonest of all, `doc.a.b`, at once. `None` where something is not as common, or absent, or each node is
    /// wanted: then it is computed as everything else is.
    fn stored(&mut self, of: &'a Node, name: &str) -> Option<&'a Value> {
        if W::SEES {
            return None;
        }
        let mut names = 1;
        let value = self.walk(of, name, &mut names)?;
        self.steps.take(names).ok()?;
        Some(value)
    }

    fn walk(&self, of: &'a Node, name: &str, names: &mut usize) -> Option<&'a Value> {
        match &of.kind {
            Kind::Name(holder) => match self.document(*holder) {
                Some(doc) => doc.get(name),
                None => self.bound(*holder)?.as_object()?.get(name),
            },
            Kind::Select { of, name: holder } => {
                *names += 1;
                self.walk(of, holder, names)?.as_object()?.get(name)
            }
            _ => None,
        }
    }

    /// Where `has(doc.a)` looks, at once as well.
    fn holder(&mut self, of: &'a Node, name: &str) -> Result<Option<&'a serde_json::Map<String, Value>>, Stop<'a>> {
        let Kind::Name(holder) = of.kind else { return Ok(None) };
        if W::SEES {
            return Ok(None);
        }
        let map = self.document(holder).and_then(|doc| doc.holder(name));
        if map.is_some() {
            self.steps.take(1)?;
        }
        Ok(map)
    }

    #[inline(never)]
    fn has(&mut self, node: &Node, of: &'a Node, name: &str) -> Evaluated<'a> {
        match self.value(of)? {
            Val::Map(map) => Ok(Val::Bool(map.contains(name))),
            other => failed(node, Why::NotAMap(other.type_name())),
        }
    }

    fn unbound<T>(&self, node: &Node, name: &'static str) -> Result<T, Stop<'a>> {
        if self.is_open { Err(Stop::Need) } else { failed(node, Why::Unbound(name)) }
    }

    fn request(&self, node: &Node, field: RequestField) -> Evaluated<'a> {
        let Some(request) = self.env.request else { return self.unbound(node, "request") };
        Ok(match field {
            RequestField::Id => Val::text(&request.id),
            RequestField::Time => Val::Time(request.time),
            RequestField::Ip => request.ip.as_deref().map_or(Val::Null, Val::text),
            RequestField::Method => Val::text(&request.method),
        })
    }

    fn select(&mut self, node: &Node, of: &'a Node, name: &'a str) -> Evaluated<'a> {
        match self.value(of)? {
            Val::Map(map) => map.get(name).map_or_else(|| failed(node, Why::Missing(name)), Ok),
            other => failed(node, Why::NotAMap(other.type_name())),
        }
    }

    #[inline(never)]
    fn index(&mut self, node: &Node, of: &'a Node, key: &'a Node) -> Evaluated<'a> {
        let holder = self.value(of)?;
        let key = self.value(key)?;
        match (holder, key) {
            (Val::Map(map), Val::Text(key)) => map.get(&key).map_or_else(|| failed(node, Why::MissingKey(key)), Ok),
            (Val::List(list), Val::Int(index)) => {
                let element = usize::try_from(index).ok().and_then(|index| list.get(index));
                element.map_or_else(|| failed(node, Why::other("the list has no such element")), Ok)
            }
            (Val::Map(_), key) => failed(node, Why::Unfit("a text as key", key.type_name())),
            (Val::List(_), key) => failed(node, Why::Unfit("an integer as index", key.type_name())),
            (holder, _) => failed(node, Why::NotAMap(holder.type_name())),
        }
    }

    #[inline(never)]
    fn map(&mut self, entries: &'a [[Node; 2]]) -> Evaluated<'a> {
        let mut made: Vec<(Cow<'a, str>, Val<'a>)> = Vec::with_capacity(entries.len());
        for [key, value] in entries {
            let text = match self.value(key)? {
                Val::Text(text) => text,
                other => return failed(key, Why::Unfit("a text as key", other.type_name())),
            };
            self.steps.take(made.len() / 16)?;
            if made.iter().any(|(before, _)| *before == text) {
                return failed(key, Why::other("the key appears twice"));
            }
            made.push((text, self.value(value)?));
        }
        Ok(Val::Map(Map::Made(made.into())))
    }

    fn negate(&mut self, node: &Node, of: &'a Node) -> Evaluated<'a> {
        match self.value(of)? {
            Val::Int(value) => value
                .checked_neg()
                .map_or_else(|| failed(node, Why::other("the result is out of range")), |v| Ok(Val::Int(v))),
            Val::Float(value) => Ok(Val::Float(-value)),
            other => failed(node, Why::Unfit("a number", other.type_name())),
        }
    }

    fn pair(&mut self, sides: &'a [Node; 2]) -> Result<(Val<'a>, Val<'a>), Stop<'a>> {
        let left = match self.value(&sides[0]) {
            Ok(left) => left,
            // The right side is computed too: what both need is read at once. Its error makes reading needless.
            Err(Stop::Need) => return self.value(&sides[1]).and(Err(Stop::Need)),
            Err(stop) => return Err(stop),
        };
        Ok((left, self.value(&sides[1])?))
    }

    fn equals(&mut self, node: &Node, sides: &'a [Node; 2]) -> Result<bool, Stop<'a>> {
        let (left, right) = self.pair(sides)?;
        let is_instant = |value: &Val<'_>| matches!(value, Val::Time(_) | Val::Duration(_));
        if left.type_name() != right.type_name() && (is_instant(&left) || is_instant(&right)) {
            return failed(node, Why::Pair("compared", left.type_name(), right.type_name()));
        }
        if let (Val::Text(left), Val::Text(_)) = (&left, &right) {
            self.steps.take_for_text(left.len())?;
        }
        Ok(equal(&left, &right, &mut self.steps)?)
    }

    fn ordered(&mut self, node: &Node, wanted: Order, sides: &'a [Node; 2]) -> Evaluated<'a> {
        let (left, right) = self.pair(sides)?;
        let Some(found) = order(&left, &right) else {
            return failed(node, Why::Pair("ordered", left.type_name(), right.type_name()));
        };
        Ok(Val::Bool(match wanted {
            Order::Lt => found.is_lt(),
            Order::Le => found.is_le(),
            Order::Gt => found.is_gt(),
            Order::Ge => found.is_ge(),
        }))
    }

    fn contained(&mut self, node: &Node, sides: &'a [Node; 2]) -> Evaluated<'a> {
        match self.pair(sides)? {
            (value, Val::List(list)) => {
                self.steps.take_for_list(list.len())?;
                for item in list.iter() {
                    if equal(&value, &item, &mut self.steps)? {
                        return Ok(Val::Bool(true));
                    }
                }
                Ok(Val::Bool(false))
            }
            (Val::Text(key), Val::Map(map)) => Ok(Val::Bool(map.contains(&key))),
            (_, Val::Map(_)) => Ok(Val::Bool(false)),
            (_, other) => failed(node, Why::Unfit("a list or a map", other.type_name())),
        }
    }

    fn matches(&mut self, node: &Node, text: &'a Node, pattern: &'a Pattern) -> Evaluated<'a> {
        let text = match self.value(text)? {
            Val::Text(text) => text,
            other => return failed(node, Why::Unfit("a text", other.type_name())),
        };
        self.steps.take(text.len() / 256)?;
        match pattern {
            Pattern::Compiled(regex) => Ok(Val::Bool(regex.is_match(&text))),
            Pattern::Computed(pattern) => {
                let pattern = match self.value(pattern)? {
                    Val::Text(pattern) => pattern,
                    other => return failed(node, Why::Unfit("a text", other.type_name())),
                };
                // Compiling takes about as long as some hundred nodes.
                self.steps.take(500)?;
                match functions::pattern(&pattern) {
                    Ok(regex) => Ok(Val::Bool(regex.is_match(&text))),
                    Err(message) => failed(node, Why::Other(Cow::Owned(message))),
                }
            }
        }
    }

    fn limit(&mut self, node: &Node, limit: &'a Limit) -> Evaluated<'a> {
        let Some(limiter) = self.env.limiter else { return self.unbound(node, "limit") };
        if limiter.take(&limit.name, limit.capacity, limit.period) { Ok(Val::Bool(true)) } else { Err(Stop::Limited) }
    }
}

pub(crate) fn failed<'a, T>(node: &Node, why: Why<'a>) -> Result<T, Stop<'a>> {
    Err(Stop::Error(Failure { at: node.span, why }))
}
