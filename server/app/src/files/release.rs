//! A scanner's word on files that wait for it.

use basalt_core::principal::Access;
use basalt_core::{Caller, Code, DocumentId, Error, Result};
use basalt_data::collections::Compiled;
use basalt_data::documents::built_in;

use super::commit::{Stored, at};
use super::{File, Files, Status, Target, change, file_not_found};
use crate::common::names::FILES;
use crate::common::{Flow, Tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanVerdict {
    /// Readers see it from now on.
    Clean,
    /// It is deleted.
    Infected,
}

impl Files {
    /// For services and operators that may write the bucket's files. `sha256`, if given, is the content that was
    /// scanned: of another one nothing is said. Clean files are answered, infected ones are gone.
    pub async fn release(
        &self,
        caller: &Caller,
        (target, id, sha256): (Target, Option<DocumentId>, Option<String>),
        verdict: ScanVerdict,
    ) -> Result<Option<Stored>> {
        if !caller.bypasses_bucket_rules(&target.bucket, Access::Write)? {
            return Err(Error::new(Code::Forbidden, "Files are released by services and operators."));
        }
        let decide = move |tx: &mut Tx<'_>, compiled: &Compiled| -> Flow<_> {
            let found = match &id {
                Some(id) => tx.document(&FILES, id)?,
                None => at(tx, compiled, &target)?,
            };
            let document = found.ok_or_else(file_not_found)?;
            let file = File::of(&document)?;
            if file.target.bucket != target.bucket {
                return Err(file_not_found().into());
            }
            if sha256.as_ref().is_some_and(|scanned| *scanned != file.sha256) {
                return Err(Error::new(Code::PreconditionFailed, "The file has other bytes by now.").into());
            }
            if verdict == ScanVerdict::Infected {
                change::remove(tx, compiled, &document)?;
                return Ok(None);
            }
            let status = ("status".to_owned(), Some(Status::Ready.as_str().into()));
            let stamp = built_in::Stamp { rev: tx.draw_rev(), now: tx.now() };
            let next = built_in::set(compiled, &document, [status], &stamp)?;
            Ok(Some(tx.update(&FILES, &document, next.data)))
        };
        let outcome = self.db.commit_defined(caller, (&self.collections, &FILES), decide).await?;
        let seq = outcome.seq;
        Ok(outcome.value.map(|document| Stored { document, created: false, seq }))
    }
}
