//! What a deploy asks for beside its files.

use std::collections::BTreeSet;

use basalt_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};

/// Kept with the deployment until it is applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Options {
    /// `collection:notes`, `field:notes.secret`, `function:old`, …
    pub(crate) remove: BTreeSet<Thing>,
    /// Whose breaking changes and open rules are meant.
    pub(crate) acknowledge: Acknowledged,
    /// The alias that new versions of functions are put behind; `live` where nothing is said.
    pub(crate) alias: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Acknowledged {
    These(BTreeSet<Thing>),
    /// While an app is developed, and where a server's owner starts it with a folder.
    Everything,
}

impl Default for Acknowledged {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Collection,
    Field,
    Bucket,
    Channel,
    Role,
    Function,
    Schedule,
    Webhook,
}

/// One thing of an app: `collection:notes`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Thing {
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

impl Kind {
    const ALL: [(&'static str, Self); 8] = [
        ("collection", Self::Collection),
        ("field", Self::Field),
        ("bucket", Self::Bucket),
        ("channel", Self::Channel),
        ("role", Self::Role),
        ("function", Self::Function),
        ("schedule", Self::Schedule),
        ("webhook", Self::Webhook),
    ];
}

impl Thing {
    fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        let kind = Kind::ALL.iter().find(|(word, _)| *word == kind).map(|(_, kind)| *kind)?;
        (!name.is_empty()).then(|| Self { kind, name: name.to_owned() })
    }
}

impl Options {
    pub(crate) fn parse(remove: &[String], acknowledge: &[String], alias: Option<String>) -> Result<Self> {
        let things = |texts: &[String], parameter: &str| {
            let bad = |text: &String| {
                let detail =
                    format!("{parameter} names things such as collection:notes or function:add, not {text:?}.");
                Error::new(Code::BadParameter, detail)
            };
            texts.iter().map(|text| Thing::parse(text).ok_or_else(|| bad(text))).collect::<Result<_>>()
        };
        let acknowledge = Acknowledged::These(things(acknowledge, "acknowledge")?);
        Ok(Self { remove: things(remove, "remove")?, acknowledge, alias })
    }

    /// What an owner does on a machine of his own.
    pub(crate) fn owners() -> Self {
        Self { acknowledge: Acknowledged::Everything, ..Self::default() }
    }

    pub(crate) fn acknowledges(&self, kind: Kind, name: &str) -> bool {
        match &self.acknowledge {
            Acknowledged::Everything => true,
            Acknowledged::These(things) => things.iter().any(|thing| thing.kind == kind && thing.name == name),
        }
    }

    /// The names of this kind that are to be removed.
    pub(crate) fn removed(&self, kind: Kind) -> BTreeSet<String> {
        self.remove.iter().filter(|thing| thing.kind == kind).map(|thing| thing.name.clone()).collect()
    }
}
