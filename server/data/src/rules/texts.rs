//! Rules as they are written down: a text for each operation, and for single fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What a rule is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleOp {
    Get,
    List,
    Create,
    Update,
    Delete,
}

impl RuleOp {
    pub const ALL: [Self; 5] = [Self::Get, Self::List, Self::Create, Self::Update, Self::Delete];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.as_str() == text)
    }

    /// Whether a rule that is always true for it has to be acknowledged.
    pub fn is_write(self) -> bool {
        match self {
            Self::Get | Self::List => false,
            Self::Create | Self::Update | Self::Delete => true,
        }
    }
}

/// A rule's text and the key that it was written under (`read` stands for `get` and `list`), for messages.
#[derive(Clone, Debug)]
pub struct RuleText {
    pub source: String,
    pub key: &'static str,
}

impl PartialEq for RuleText {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// The rules of one field. `None`: like the document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldRuleTexts {
    pub read: Option<String>,
    pub write: Option<String>,
}

/// The rules of one collection. An operation without one is nobody's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleTexts {
    pub operations: BTreeMap<RuleOp, RuleText>,
    pub fields: BTreeMap<String, FieldRuleTexts>,
}

impl RuleTexts {
    pub fn get(&self, op: RuleOp) -> Option<&str> {
        self.operations.get(&op).map(|text| text.source.as_str())
    }

    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.fields.is_empty()
    }

    /// The canonical form: pairs written out.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        for (op, text) in &self.operations {
            map.insert(op.as_str().to_owned(), text.source.clone().into());
        }
        if !self.fields.is_empty() {
            let fields = self.fields.iter().map(|(name, rules)| (name.clone(), rules.to_json()));
            map.insert("fields".to_owned(), Value::Object(fields.collect()));
        }
        Value::Object(map)
    }
}

impl FieldRuleTexts {
    fn to_json(&self) -> Value {
        let texts = [("read", &self.read), ("write", &self.write)];
        let given = texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.clone()?.into())));
        Value::Object(given.collect())
    }
}
