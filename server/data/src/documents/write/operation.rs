//! One operation: what is asked, what it is decided with, and what came of it.

use std::sync::Arc;

use basalt_core::change::Body;
use basalt_core::principal::Access;
use basalt_core::{CollectionName, Document, DocumentId, Result, Rev, Timestamp};
use basalt_expr::Expression;
use basalt_store::DocumentWrite;
use serde_json::{Map, Value};

use super::answer::Told;
use crate::collections::Compiled;
use crate::documents::answer::Shown;
use crate::documents::behaviour::Behaviours;
use crate::documents::idempotency::Kept;
use crate::documents::input::{Condition, EntityTags};
use crate::documents::patch::Patch;
use crate::documents::present::Selection;
use crate::rules::Binding;

/// As asked. The revision is drawn before, so that deciding anew comes to the same answer.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub collection: CollectionName,
    pub id: DocumentId,
    pub act: Act,
    pub if_match: Option<EntityTags>,
    pub if_none_match: Option<EntityTags>,
    pub condition: Option<Condition>,
    pub select: Option<Selection>,
    pub rev: Rev,
    pub given: Given,
}

/// What else the author of an operation may say, where that is an import.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given {
    /// The document's times, in place of the server's.
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    /// Before-hooks are not asked.
    pub skips_hooks: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Create {
        body: Map<String, Value>,
        /// The id was drawn for it: nothing is there.
        is_drawn: bool,
    },
    /// Creates or replaces.
    Put {
        body: Map<String, Value>,
    },
    Patch {
        patch: Patch,
        upsert: bool,
    },
    Delete,
    Check {
        exists: bool,
    },
}

/// With the definitions of one epoch.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    pub operation: &'a Operation,
    pub compiled: &'a Compiled,
    /// The condition and the values of its `vars`.
    pub condition: Option<(&'a Expression, &'a Value)>,
    /// What a before-hook saw and made.
    pub pin: Option<&'a Pin>,
    /// Of a create: what it would write, worked out before the others wait for it.
    pub draft: Option<&'a Result<Draft>>,
}

/// A new document.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub document: Arc<Document>,
    /// Where its author may create it whatever else is stored: what he reads of it.
    pub(super) told: Option<Told>,
}

/// What a before-hook saw, on which its result depends, and what it made of the user's fields.
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    pub before: Option<Rev>,
    pub replaced: Option<Map<String, Value>>,
}

/// What all operations of one request share.
pub(crate) struct Context<'a> {
    pub binding: &'a Binding,
    pub now: Timestamp,
    pub behaviours: &'a Behaviours,
}

/// What an operation did, and what of it its caller may see.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub kind: EffectKind,
    pub id: DocumentId,
    /// Of the document as it now is; `None` where there is none.
    pub rev: Option<Rev>,
    /// The document as its caller may read it; `None` where he may not, or where there is none.
    pub body: Option<Shown>,
    /// Instead of `body`: all of the document, whose text the commit has.
    pub as_written: bool,
    pub before: Option<Arc<Document>>,
    pub after: Option<Arc<Document>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EffectKind {
    Created,
    Updated,
    Deleted,
    Checked,
}

impl EffectKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Checked => "checked",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Created, Self::Updated, Self::Deleted, Self::Checked].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Operation {
    pub(crate) fn access(&self) -> Access {
        match self.act {
            Act::Check { .. } => Access::Read,
            Act::Create { .. } | Act::Put { .. } | Act::Patch { .. } | Act::Delete => Access::Write,
        }
    }

    /// Whether its outcome tells what is stored, so that the right to write isn't enough.
    pub(crate) fn tells(&self) -> bool {
        let tests = match &self.act {
            Act::Patch { patch, .. } => patch.tests(),
            Act::Check { .. } => true,
            Act::Create { .. } | Act::Put { .. } | Act::Delete => false,
        };
        tests || self.condition.is_some()
    }
}

impl Effect {
    /// Lets go of documents that nobody needs behind the commit. They were made in the committer's thread, and memory is
    /// best freed where it was taken: elsewhere each of their many small pieces is handed back on its own.
    pub(crate) fn release(&mut self, writes: &[DocumentWrite]) {
        (self.before, self.after) = (None, None);
        if let (Some(Shown::Whole(shown)), [DocumentWrite::Put { collection, document, .. }]) = (&self.body, writes)
            && Arc::ptr_eq(shown, document)
            && !collection.is_system()
        {
            (self.body, self.as_written) = (None, true);
        }
    }

    /// The answer, in the form in which answers are kept; `written` is the text of what the commit wrote.
    pub(crate) fn into_kept(self, written: Option<&Body>) -> Kept {
        let body = if self.as_written { written.cloned().map(Shown::Written) } else { self.body };
        let (id, rev) = (self.id.into(), self.rev.map(String::from));
        Kept { kind: self.kind.as_str().to_owned(), id, rev, body: Ok(body) }
    }
}
