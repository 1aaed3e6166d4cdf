//! Leaves as SQL, each in both of its forms (see [`basalt_core::filter`]): the form T is true where the leaf is true, F
//! where it is false, both are false where it is an error, and neither is ever NULL.
//!
//! Indexed fields are compared by their key columns, in plain comparisons that an index can serve; everything else
//! looks into the JSON, always by way of its type.

use basalt_core::document::OWN_FIELDS;
use basalt_core::filter::{Filter, IdPart, Leaf, LookupId, Order, Place, Root, Scalar, SizeTest, TextTest};
use basalt_core::key;
use basalt_core::{CollectionName, FieldPath};
use serde_json::Value;

use super::condition::{Condition, Form};
use super::constant::{Bound, Constant, opposite, sign};
use super::dialect::{self, Kind};
use super::operand::{Operand, key_of_place, storable};
use super::print::{Printer, Scope, and, or};
use crate::catalog::{Collection, IndexKind, IndexState};
use crate::sql::SqlValue;

const TRUE: &str = "TRUE";
const FALSE: &str = "FALSE";

impl Printer<'_> {
    pub(super) fn condition(&mut self, condition: &Condition<'_>, scope: &Scope<'_>) -> String {
        match condition {
            Condition::True => TRUE.to_owned(),
            Condition::False => FALSE.to_owned(),
            Condition::All(parts) => and(&self.conditions(parts, scope)),
            Condition::Any(parts) => or(&self.conditions(parts, scope)),
            Condition::Leaf(leaf, form) => self.leaf(leaf, *form, scope),
        }
    }

    fn conditions(&mut self, parts: &[Condition<'_>], scope: &Scope<'_>) -> Vec<String> {
        parts.iter().map(|part| self.condition(part, scope)).collect()
    }

    pub(super) fn filter(&mut self, filter: &Filter, form: Form, scope: &Scope<'_>) -> String {
        self.condition(&Condition::of(filter, form), scope)
    }

    fn leaf(&mut self, leaf: &Leaf, form: Form, scope: &Scope<'_>) -> String {
        match leaf {
            Leaf::Equal { place, value } => self.one_of(place, std::slice::from_ref(value), form, scope),
            Leaf::In { place, values } => self.one_of(place, values, form, scope),
            Leaf::IsTrue { place } => self.is_true(place, form, scope),
            Leaf::Order { place, order, value } => self.order(place, *order, value, form, scope),
            Leaf::Contains { place, value } => self.contains(place, value, form, scope),
            Leaf::Has { place } => self.has(place, form, scope),
            Leaf::Text { place, test, value } => self.text(place, *test, value, form, scope),
            Leaf::Size { place, test, value } => self.size(place, *test, *value, form, scope),
            Leaf::Any { place, filter } => self.quantified(place, filter, Quantifier::Any, form, scope),
            Leaf::All { place, filter } => self.quantified(place, filter, Quantifier::All, form, scope),
            Leaf::Exists { collection, id } => self.exists(collection, id, form, scope),
            Leaf::Lookup { collection, id, filter } => self.lookup(collection, id, filter, form, scope),
        }
    }

    fn one_of(&mut self, place: &Place, values: &[Scalar], form: Form, scope: &Scope<'_>) -> String {
        let constants: Vec<Constant<'_>> = values.iter().filter_map(Constant::of).collect();
        if let Some(column) = key_of_place(place, scope) {
            let mut keys: Vec<Vec<u8>> = constants.iter().map(constant_key).collect();
            keys.sort_unstable();
            keys.dedup();
            return self.key_in(&column, &keys, form);
        }
        let operand = Operand::of(place, scope, self);
        let arms = self.equality_arms(&operand, &constants, form);
        operand.cases(&arms, form == Form::False)
    }

    fn key_in(&mut self, column: &str, keys: &[Vec<u8>], form: Form) -> String {
        let keys: Vec<String> = keys.iter().map(|key| self.bind_bytes(key)).collect();
        let test = membership(column, &keys, form);
        match form {
            Form::True => test,
            Form::False => and(&[format!("{column} > {}", self.bind_bytes(&[key::MISSING])), test]),
        }
    }

    /// By kind, whether the operand equals one of the constants (or, for F, none).
    fn equality_arms(&mut self, operand: &Operand, constants: &[Constant<'_>], form: Form) -> Vec<(Kind, String)> {
        let mut arms = Vec::new();
        for kind in [Kind::Null, Kind::Bool, Kind::Number, Kind::Text] {
            let mut placeholders = Vec::new();
            for constant in constants.iter().filter(|constant| constant.kind() == kind) {
                placeholders.push(match constant {
                    Constant::Null => TRUE.to_owned(),
                    Constant::Bool(value) => (if *value { TRUE } else { FALSE }).to_owned(),
                    Constant::Number(number) => dialect::number_constant(self, number),
                    Constant::Text(text) => self.bind_text(text),
                });
            }
            if placeholders.is_empty() {
                continue;
            }
            let value = match kind {
                Kind::Null => TRUE.to_owned(),
                Kind::Bool => operand.boolean(),
                Kind::Number => operand.number(),
                Kind::Text | Kind::Missing | Kind::List | Kind::Map => operand.text(),
            };
            arms.push((kind, membership(&value, &placeholders, form)));
        }
        arms
    }

    fn is_true(&mut self, place: &Place, form: Form, scope: &Scope<'_>) -> String {
        let wanted = form == Form::True;
        if let Some(column) = key_of_place(place, scope) {
            let key = self.bind_bytes(&key::of(Some(&Value::Bool(wanted))));
            return format!("{column} = {key}");
        }
        let operand = Operand::of(place, scope, self);
        let test = if wanted { operand.boolean() } else { format!("NOT {}", operand.boolean()) };
        operand.cases(&[(Kind::Bool, test)], false)
    }

    fn order(&mut self, place: &Place, order: Order, value: &Scalar, form: Form, scope: &Scope<'_>) -> String {
        let (kind, order, constant) = match Bound::of(order, value) {
            Bound::AnyNumber(holds) if holds == (form == Form::True) => return self.is_number(place, scope),
            Bound::AnyNumber(_) | Bound::Unordered => return FALSE.to_owned(),
            Bound::Number(order, number) => (Kind::Number, order, Constant::Number(number)),
            Bound::Text(order, text) => (Kind::Text, order, Constant::Text(text)),
        };
        // F is the opposite order among values of the same type.
        let order = if form == Form::True { order } else { opposite(order) };
        let cut = matches!(constant, Constant::Text(text) if key::is_cut(text));
        if let Some(column) = key_of_place(place, scope).filter(|_| !cut) {
            let rank = if kind == Kind::Number { key::NUMBER } else { key::TEXT };
            return self.key_order(&column, rank, order, &constant_key(&constant));
        }
        let operand = Operand::of(place, scope, self);
        let (value, constant) = match constant {
            Constant::Number(number) => (operand.number(), dialect::number_constant(self, &number)),
            Constant::Text(text) => (operand.text(), self.bind_text(text)),
            Constant::Null | Constant::Bool(_) => return FALSE.to_owned(),
        };
        operand.cases(&[(kind, format!("{value} {} {constant}", sign(order)))], false)
    }

    fn is_number(&mut self, place: &Place, scope: &Scope<'_>) -> String {
        match key_of_place(place, scope) {
            Some(column) => self.key_range(&column, &[key::NUMBER], &[key::NUMBER + 1]),
            None => Operand::of(place, scope, self).cases(&[(Kind::Number, TRUE.to_owned())], false),
        }
    }

    /// Keys of one type on one side of a key.
    fn key_order(&mut self, column: &str, rank: u8, order: Order, key: &[u8]) -> String {
        let bound = format!("{column} {} {}", sign(order), self.bind_bytes(key));
        let type_end = match order {
            Order::Lt | Order::Le => format!("{column} >= {}", self.bind_bytes(&[rank])),
            Order::Gt | Order::Ge => format!("{column} < {}", self.bind_bytes(&[rank + 1])),
        };
        and(&[bound, type_end])
    }

    /// Keys in `from..to`.
    fn key_range(&mut self, column: &str, from: &[u8], to: &[u8]) -> String {
        let (from, to) = (self.bind_bytes(from), self.bind_bytes(to));
        format!("({column} >= {from} AND {column} < {to})")
    }

    fn contains(&mut self, place: &Place, value: &Scalar, form: Form, scope: &Scope<'_>) -> String {
        let constant = Constant::of(value);
        let operand = Operand::of(place, scope, self);
        if let Some(side) = side_table(scope.collection, place) {
            let found = match &constant {
                None => FALSE.to_owned(),
                Some(constant) => self.in_side_table(side, &constant_key(constant), form, scope),
            };
            return match form {
                Form::True => found,
                Form::False => {
                    let absent = if constant.is_none() { TRUE.to_owned() } else { found };
                    operand.cases(&[(Kind::List, absent.clone()), (Kind::Map, absent)], false)
                }
            };
        }
        let in_list = self.list_contains(&operand, constant.as_ref(), form);
        let in_map = self.map_has(&operand, place, constant.as_ref(), form, scope);
        operand.cases(&[(Kind::List, in_list), (Kind::Map, in_map)], false)
    }

    /// Whether the side table has a row of this document under the key (F: none).
    fn in_side_table(&mut self, side: &str, key: &[u8], form: Form, scope: &Scope<'_>) -> String {
        let (alias, key) = (self.alias('s'), self.bind_bytes(key));
        let table = &scope.table;
        match form {
            Form::True => format!("{table}.id IN (SELECT {alias}.id FROM {side} AS {alias} WHERE {alias}.k = {key})"),
            Form::False => format!(
                "NOT EXISTS (SELECT 1 FROM {side} AS {alias} WHERE {alias}.k = {key} AND {alias}.id = {table}.id)"
            ),
        }
    }

    fn list_contains(&mut self, list: &Operand, constant: Option<&Constant<'_>>, form: Form) -> String {
        let alias = self.alias('e');
        let (Some(constant), Some(elements)) = (constant, list.elements(&alias)) else {
            return (if form == Form::True { FALSE } else { TRUE }).to_owned();
        };
        let element = Operand::Json(dialect::Json::element(self.dialect, &alias));
        let arms = self.equality_arms(&element, std::slice::from_ref(constant), Form::True);
        let found = format!("EXISTS (SELECT 1 FROM {elements} WHERE {})", element.cases(&arms, false));
        if form == Form::True { found } else { format!("NOT {found}") }
    }

    /// Whether a map has the name that the constant is (F: hasn't).
    fn map_has(
        &mut self,
        map: &Operand,
        place: &Place,
        constant: Option<&Constant<'_>>,
        form: Form,
        scope: &Scope<'_>,
    ) -> String {
        let name = match (constant, map) {
            (Some(Constant::Text(name)), Operand::Json(_) | Operand::Whole(_)) => (*name).to_owned(),
            _ => return (if form == Form::True { FALSE } else { TRUE }).to_owned(),
        };
        let mut names = place.path.names().to_vec();
        names.push(name);
        let inner = Place { root: place.root, path: FieldPath::from_names(names) };
        let inner = Operand::of(&inner, scope, self);
        if form == Form::True { inner.is_present() } else { inner.is_missing() }
    }

    fn has(&mut self, place: &Place, form: Form, scope: &Scope<'_>) -> String {
        let Some((_, holder)) = place.path.names().split_last() else { return FALSE.to_owned() };
        let holder = Place { root: place.root, path: FieldPath::from_names(holder.to_vec()) };
        let column = key_of_place(place, scope);
        let missing = self.bind_bytes(&[key::MISSING]);
        if form == Form::True {
            return match column {
                Some(column) => format!("{column} > {missing}"),
                None => Operand::of(place, scope, self).is_present(),
            };
        }
        let absent = match column {
            Some(column) => format!("{column} = {missing}"),
            None => Operand::of(place, scope, self).is_missing(),
        };
        let holder = Operand::of(&holder, scope, self);
        match holder {
            Operand::Whole(_) => absent,
            holder => holder.cases(&[(Kind::Map, absent)], false),
        }
    }

    fn text(&mut self, place: &Place, test: TextTest, value: &str, form: Form, scope: &Scope<'_>) -> String {
        let column = key_of_place(place, scope);
        if let Some(column) = column.filter(|_| test == TextTest::StartsWith && storable(value) && !key::is_cut(value))
        {
            return self.key_prefix(&column, value, form);
        }
        let operand = Operand::of(place, scope, self);
        let found = match (storable(value), value.is_empty()) {
            (false, _) => FALSE.to_owned(),
            (true, true) => TRUE.to_owned(),
            (true, false) => {
                let (stored, constant, count) = (operand.text(), self.bind_text(value), value.chars().count());
                match test {
                    TextTest::StartsWith => format!("substr({stored}, 1, {count}) = {constant}"),
                    TextTest::EndsWith => format!("{} = {constant}", dialect::text_end(self.dialect, &stored, count)),
                    TextTest::Contains => format!("{} > 0", dialect::position(self.dialect, &stored, &constant)),
                }
            }
        };
        let test = if form == Form::True { found } else { format!("NOT {found}") };
        operand.cases(&[(Kind::Text, test)], false)
    }

    /// Texts that begin with a prefix have their keys in one range.
    fn key_prefix(&mut self, column: &str, prefix: &str, form: Form) -> String {
        let mut from = vec![key::TEXT];
        from.extend_from_slice(prefix.as_bytes());
        let mut to = from.clone();
        // The last byte of UTF-8, or the rank, is never FF.
        if let Some(last) = to.last_mut() {
            *last += 1;
        }
        match form {
            Form::True => self.key_range(column, &from, &to),
            Form::False => {
                let before = self.key_range(column, &[key::TEXT], &from);
                let behind = self.key_range(column, &to, &[key::TEXT + 1]);
                or(&[before, behind])
            }
        }
    }

    fn size(&mut self, place: &Place, test: SizeTest, value: i64, form: Form, scope: &Scope<'_>) -> String {
        let operand = Operand::of(place, scope, self);
        let sign = match (test, form) {
            (SizeTest::Equal, Form::True) => "=",
            (SizeTest::Equal, Form::False) => "<>",
            (SizeTest::Order(order), Form::True) => sign(order),
            (SizeTest::Order(order), Form::False) => sign(opposite(order)),
        };
        let value = self.bind(SqlValue::Int(value));
        let arm = |kind, size: String| (kind, format!("{size} {sign} {value}"));
        let arms = [
            arm(Kind::Text, format!("length({})", operand.text())),
            arm(Kind::List, operand.list_length()),
            arm(Kind::Map, operand.map_length()),
        ];
        operand.cases(&arms, false)
    }

    fn quantified(
        &mut self,
        place: &Place,
        filter: &Filter,
        quantifier: Quantifier,
        form: Form,
        scope: &Scope<'_>,
    ) -> String {
        let operand = Operand::of(place, scope, self);
        let alias = self.alias('e');
        let Some(elements) = operand.elements(&alias) else { return FALSE.to_owned() };
        let mut inner = scope.clone();
        inner.elements.push(alias);
        // One element decides, in this form; else all of them have to be in it.
        let one = matches!((quantifier, form), (Quantifier::Any, Form::True) | (Quantifier::All, Form::False));
        let holds = self.filter(filter, form, &inner);
        let test = if one {
            format!("EXISTS (SELECT 1 FROM {elements} WHERE {holds})")
        } else {
            format!("NOT EXISTS (SELECT 1 FROM {elements} WHERE NOT ({holds}))")
        };
        operand.cases(&[(Kind::List, test)], false)
    }

    fn exists(&mut self, name: &CollectionName, id: &LookupId, form: Form, scope: &Scope<'_>) -> String {
        let id = self.lookup_id(id, scope);
        let other = self.catalog.collection(name).cloned();
        match (other, form) {
            (None, Form::True) => FALSE.to_owned(),
            (None, Form::False) => format!("{id} IS NOT NULL"),
            (Some(other), Form::True) => format!("EXISTS ({})", self.row_of(&other, &id).1),
            (Some(other), Form::False) => {
                let row = self.row_of(&other, &id).1;
                format!("({id} IS NOT NULL AND NOT EXISTS ({row}))")
            }
        }
    }

    fn lookup(
        &mut self,
        name: &CollectionName,
        id: &LookupId,
        filter: &Filter,
        form: Form,
        scope: &Scope<'_>,
    ) -> String {
        let Some(other) = self.catalog.collection(name).cloned() else { return FALSE.to_owned() };
        let id = self.lookup_id(id, scope);
        let (alias, row) = self.row_of(&other, &id);
        let inner = Scope { collection: &other, table: alias, elements: scope.elements.clone() };
        let holds = self.filter(filter, form, &inner);
        format!("EXISTS ({row} AND {holds})")
    }

    /// The row of another collection with this id, and its alias.
    fn row_of(&mut self, other: &Collection, id: &str) -> (String, String) {
        let alias = self.alias('d');
        let row = format!("SELECT 1 FROM {} AS {alias} WHERE {alias}.id = {id}", table_of(other));
        (alias, row)
    }

    /// The id as a text; NULL where a part is none.
    fn lookup_id(&mut self, id: &LookupId, scope: &Scope<'_>) -> String {
        let mut parts = Vec::new();
        for part in &id.0 {
            parts.push(match part {
                // An id is never like that.
                IdPart::Text(text) if !storable(text) => self.bind_text("\u{1}"),
                IdPart::Text(text) => self.bind_text(text),
                IdPart::Place(place) => {
                    let operand = Operand::of(place, scope, self);
                    operand.choose(&[(Kind::Text, operand.text())], "NULL")
                }
            });
        }
        if parts.is_empty() {
            parts.push(self.bind_text(""));
        }
        let cast: Vec<String> = parts.iter().map(|part| format!("CAST({part} AS text)")).collect();
        format!("({})", dialect::collated(self.dialect, &cast.join(" || ")))
    }
}

#[derive(Clone, Copy)]
enum Quantifier {
    Any,
    All,
}

pub(super) fn table_of(collection: &Collection) -> String {
    format!("c_{}", collection.short_id)
}

/// The side table of a place, if there is one that can be used.
pub(super) fn side_table<'a>(collection: &'a Collection, place: &Place) -> Option<&'a str> {
    if place.root != Root::Document || place.path.names().first().is_some_and(|n| OWN_FIELDS.contains(&n.as_str())) {
        return None;
    }
    let index = collection.indexes.iter().find(|index| {
        let spec = &index.spec;
        let field = spec.fields.first().map(|field| &field.path);
        spec.kind == IndexKind::Contains && index.state == IndexState::Ready && field == Some(&place.path)
    })?;
    Some(&index.name)
}

pub(super) fn constant_key(constant: &Constant<'_>) -> Vec<u8> {
    match constant {
        Constant::Null => key::of(Some(&Value::Null)),
        Constant::Bool(value) => key::of(Some(&Value::Bool(*value))),
        Constant::Number(number) => key::of(Some(&Value::Number(number.clone()))),
        Constant::Text(text) => key::of_scalar(&Scalar::Text((*text).to_owned())),
    }
}

/// `value` is among these, or (F) is not.
fn membership(value: &str, placeholders: &[String], form: Form) -> String {
    match (placeholders, form) {
        ([], Form::True) => FALSE.to_owned(),
        ([], Form::False) => TRUE.to_owned(),
        ([one], Form::True) => format!("{value} = {one}"),
        ([one], Form::False) => format!("{value} <> {one}"),
        (many, Form::True) => format!("{value} IN ({})", many.join(", ")),
        (many, Form::False) => format!("{value} NOT IN ({})", many.join(", ")),
    }
}
