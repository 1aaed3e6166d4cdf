//! Values while they are computed: borrowed from documents and from the tree wherever that is possible.

use std::borrow::Cow;
use std::rc::Rc;

use basalt_core::Timestamp;
use serde_json::Value;

use super::functions::duration_text;
use crate::tree::Constant;
use crate::types::TypeName;

#[derive(Clone, Debug)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Time(Timestamp),
    /// Nanoseconds.
    Duration(i64),
    Type(TypeName),
    List(List<'a>),
    Map(Map<'a>),
}

#[derive(Clone, Debug)]
pub(crate) enum List<'a> {
    Json(&'a [Value]),
    Made(Rc<[Val<'a>]>),
}

#[derive(Clone, Debug)]
pub(crate) enum Map<'a> {
    Json(&'a serde_json::Map<String, Value>),
    Made(Rc<[(Cow<'a, str>, Val<'a>)]>),
}

impl<'a> Val<'a> {
    pub(crate) fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Self::Int(integer),
                None => Self::Float(number.as_f64().unwrap_or(0.0)),
            },
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::List(List::Json(items)),
            Value::Object(map) => Self::Map(Map::Json(map)),
        }
    }

    pub(crate) fn of_constant(constant: &'a Constant) -> Self {
        match constant {
            Constant::Json(value) => Self::of(value),
            Constant::Time(time) => Self::Time(*time),
            Constant::Duration(nanos) => Self::Duration(*nanos),
            Constant::Type(name) => Self::Type(*name),
        }
    }

    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(crate) fn made_text(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    pub(crate) fn made_list(items: Vec<Self>) -> Self {
        Self::List(List::Made(items.into()))
    }

    pub(crate) fn type_name(&self) -> TypeName {
        match self {
            Self::Null => TypeName::Null,
            Self::Bool(_) => TypeName::Bool,
            Self::Int(_) => TypeName::Int,
            Self::Float(_) => TypeName::Double,
            Self::Text(_) => TypeName::String,
            Self::Time(_) => TypeName::Timestamp,
            Self::Duration(_) => TypeName::Duration,
            Self::Type(_) => TypeName::Type,
            Self::List(_) => TypeName::List,
            Self::Map(_) => TypeName::Map,
        }
    }

    /// As JSON; times, durations and types as their texts.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::from(*value),
            Self::Float(value) => basalt_core::json::canonical_f64(*value).map_or(Value::Null, Value::Number),
            Self::Text(text) => Value::from(text.as_ref()),
            Self::Time(time) => Value::from(time.to_string()),
            Self::Duration(nanos) => Value::from(duration_text(*nanos)),
            Self::Type(name) => Value::from(name.name()),
            Self::List(list) => list.iter().map(|item| item.to_json()).collect(),
            Self::Map(Map::Json(map)) => Value::Object((*map).clone()),
            Self::Map(Map::Made(entries)) => {
                entries.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect()
            }
        }
    }
}

impl<'a> List<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Val<'a>> {
        match self {
            Self::Json(items) => items.get(index).map(Val::of),
            Self::Made(items) => items.get(index).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Val<'a>> {
        (0..self.len()).map_while(|index| self.get(index))
    }
}

impl<'a> Map<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(map) => map.len(),
            Self::Made(entries) => entries.len(),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Val<'a>> {
        match self {
            Self::Json(map) => map.get(key).map(Val::of),
            Self::Made(entries) => entries.iter().find(|(own, _)| own == key).map(|(_, value)| value.clone()),
        }
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        match self {
            Self::Json(map) => map.contains_key(key),
            Self::Made(entries) => entries.iter().any(|(own, _)| own == key),
        }
    }

    pub(crate) fn keys(&self) -> Vec<&str> {
        match self {
            Self::Json(map) => map.keys().map(String::as_str).collect(),
            Self::Made(entries) => entries.iter().map(|(key, _)| key.as_ref()).collect(),
        }
    }
}
