//! Leaves about lists and maps: what is in them, how much, and conditions on each element.

use basalt_core::FieldPath;
use basalt_core::document::OWN_FIELDS;
use basalt_core::filter::{Filter, Place, Root, Scalar, SizeTest};

use super::condition::Form;
use super::constant::{Constant, opposite, sign};
use super::dialect::{self, Kind};
use super::leaf::{FALSE, TRUE, constant_key};
use super::operand::Operand;
use super::print::{Printer, Scope};
use crate::catalog::{Collection, IndexKind, IndexState};
use crate::sql::SqlValue;

impl Printer<'_> {
    pub(super) fn contains(&mut self, place: &Place, value: &Scalar, form: Form, scope: &Scope<'_>) -> String {
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

    pub(super) fn size(&mut self, place: &Place, test: SizeTest, value: i64, form: Form, scope: &Scope<'_>) -> String {
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

    pub(super) fn quantified(
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
}

#[derive(Clone, Copy)]
pub(super) enum Quantifier {
    Any,
    All,
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
