//! The answers of this room, and the public error that each refusal becomes.

use std::time::Duration;

use basalt_core::{Caller, Code, Error, FieldError, Principal};
use basalt_store::{CellWrite, Read};

/// May this operation be done?
pub enum Verdict {
    Allow(Permit),
    Deny(Denial),
    /// Undecided until these are read.
    Need(Vec<Read>),
}

/// Proof of an allowed operation; only this room makes one.
#[derive(Debug)]
pub struct Permit {
    cells: Vec<CellWrite>,
}

impl Permit {
    pub(super) fn new(cells: Vec<CellWrite>) -> Self {
        Self { cells }
    }

    pub(crate) fn takes_tokens(&self) -> bool {
        !self.cells.is_empty()
    }

    /// The tokens that `limit()` took: they have to be written in the batch of the operation.
    pub fn cells(self) -> Vec<CellWrite> {
        self.cells
    }
}

/// A refusal: what the caller learns is [`Denial::into_error`]; the reason is for logs and the simulator alone.
#[derive(Clone, Debug)]
pub struct Denial {
    pub kind: DenialKind,
    pub reason: String,
}

#[derive(Clone, Debug)]
pub enum DenialKind {
    /// The caller may not read the document: for him it isn't there.
    Unreadable,
    /// There is no rule for this operation, so it is nobody's.
    RuleMissing,
    RuleDenied,
    /// The operation is allowed, but not for this field.
    FieldDenied {
        field: String,
    },
    /// A `limit()` had no token left.
    Limited {
        retry_after: Duration,
    },
    /// The principal lacks a scope or a role.
    Refused(Error),
}

impl Denial {
    pub(super) fn new(kind: DenialKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// A visitor who is refused a write is asked to sign in.
    pub fn into_error(self, caller: &Caller) -> Error {
        let visitor = matches!(caller.principal, Principal::Visitor);
        let error = match self.kind {
            DenialKind::Unreadable => Error::document_not_found(),
            DenialKind::Limited { retry_after } => {
                Error::new(Code::RateLimited, "A rule limits how often you may do this.").retry_after(retry_after)
            }
            DenialKind::Refused(error) => error,
            DenialKind::RuleMissing | DenialKind::RuleDenied | DenialKind::FieldDenied { .. } if visitor => {
                Error::unauthenticated()
            }
            DenialKind::RuleMissing => Error::new(Code::RuleMissing, "No rule allows this."),
            DenialKind::RuleDenied => Error::new(Code::RuleDenied, "A rule denies this."),
            DenialKind::FieldDenied { field } => {
                let path = format!("/{}", basalt_core::document::pointer_token(&field));
                let fault = FieldError::new(path, "rule_denied", "You may not write this field.");
                Error::new(Code::RuleDenied, "A rule denies writing one of the fields.").with_errors(vec![fault])
            }
        };
        error.caused_by(self.reason)
    }

    /// Of a list or query: without a rule it is 403, also for visitors.
    pub fn into_list_error(self, caller: &Caller) -> Error {
        match self.kind {
            DenialKind::RuleMissing => {
                Error::new(Code::RuleMissing, "No rule of this collection allows listing it.").caused_by(self.reason)
            }
            _ => self.into_error(caller),
        }
    }
}
