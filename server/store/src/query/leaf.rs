//! Leaves as SQL, each in both of its forms (see [`basalt_core::filter`]): the form T is true where the leaf is true, F
//! where it is false, both are false where it is an error, and neither is ever NULL.
//!
//! Indexed fields are compared by their key columns, in plain comparisons that an index can serve; everything else
//! looks into the JSON, always by way of its type.

use basalt_core::filter::{Filter, Leaf, Order, Place, Scalar, TextTest};
use basalt_core::{FieldPath, key};
use serde_json::Value;

use super::condition::{Condition, Form};
use super::constant::{Bound, Constant, opposite, sign};
use super::dialect::{self, Kind};
use super::members::Quantifier;
use super::operand::{Operand, key_of_place, storable};
use super::print::{Printer, Scope, and, or};

pub(super) const TRUE: &str = "TRUE";
pub(super) const FALSE: &str = "FALSE";

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
            Leaf::Distance { place, point, order, metres } => {
                self.distance(place, *point, (*order, *metres), form, scope)
            }
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
    pub(super) fn equality_arms(
        &mut self,
        operand: &Operand,
        constants: &[Constant<'_>],
        form: Form,
    ) -> Vec<(Kind, String)> {
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
