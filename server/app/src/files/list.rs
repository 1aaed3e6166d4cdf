//! Buckets as wholes: what is in one, and how much.

use std::collections::BTreeSet;

use basalt_core::principal::Access;
use basalt_core::{BucketName, Caller, Code, Error, Result};
use basalt_data::documents::{AggregateQuery, ListQuery, Listed};
use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization;

use super::{Files, Usage, usage};
use crate::common::Tx;
use crate::common::names::FILES;

/// Folders that are told, and looked at.
const PREFIXES: usize = 1_000;
/// As long as a path.
const PREFIX_BYTES: usize = 1_024;
const PAGE: u32 = 500;
const PAGES: usize = 20;

/// What is to be listed.
#[derive(Clone, Debug, Default)]
pub struct FilesList {
    pub prefix: String,
    /// Whether only what is right below the prefix is listed, and the folders there are told.
    pub folders: bool,
    pub filter: Option<String>,
    pub vars: Map<String, Value>,
    pub sort: Vec<String>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// A page of files.
#[derive(Clone, Debug, Default)]
pub struct ListedFiles {
    pub items: Vec<Map<String, Value>>,
    pub prefixes: Option<Vec<String>>,
    pub next_cursor: Option<String>,
}

impl Files {
    /// The files of a bucket that the caller may list.
    pub async fn list(&self, caller: &Caller, bucket: &BucketName, list: FilesList) -> Result<ListedFiles> {
        if !self.collections.files()?.definition.buckets.contains_key(bucket) {
            return Err(Error::new(Code::BucketNotFound, format!("There is no bucket {:?}.", bucket.as_str())));
        }
        // A key of this bucket alone lists what is in it, which the condition holds it to.
        let caller = if caller.bypasses_bucket_rules(bucket, Access::Read)? { &self.system() } else { caller };
        let list = FilesList { prefix: prefix(&list.prefix)?, ..list };
        let place = place(bucket, &list);
        let first_page = list.folders && list.cursor.is_none();
        let prefixes = if first_page { Some(self.prefixes(caller, bucket, &list.prefix).await?) } else { None };
        let filter = match &list.filter {
            Some(filter) => format!("{place} && ({filter}\n)"),
            None => place,
        };
        let sort = if list.sort.is_empty() { vec!["path".to_owned()] } else { list.sort };
        let (vars, limit, cursor) = (list.vars, list.limit, list.cursor);
        let query = ListQuery { filter: Some(filter), vars, sort, limit, cursor, ..ListQuery::default() };
        let Listed { items, next_cursor, .. } = self.documents.query(caller, &FILES, query).await?;
        Ok(ListedFiles { items, prefixes, next_cursor })
    }

    /// The folders right below a prefix, of those that the caller may list something in.
    async fn prefixes(&self, caller: &Caller, bucket: &BucketName, prefix: &str) -> Result<Vec<String>> {
        let mut found = BTreeSet::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let mut body = json!({
                "filter": format!("doc.bucket == {} && doc.folder.startsWith({})", text(bucket.as_str()), text(prefix)),
                "groupBy": ["folder"], "measures": {"n": {"count": true}}, "limit": PAGE,
            });
            if let Some(cursor) = &cursor {
                body["cursor"] = cursor.as_str().into();
            }
            let Value::Object(body) = body else { break };
            let page = self.documents.aggregate(caller, &FILES, AggregateQuery::from_body(body)?).await?;
            for group in &page.items {
                let folder = group.get("folder").and_then(Value::as_str).unwrap_or_default();
                found.extend(below(folder, prefix));
            }
            cursor = page.next_cursor;
            if cursor.is_none() || found.len() > PREFIXES {
                break;
            }
        }
        Ok(found.into_iter().take(PREFIXES).collect())
    }

    pub async fn usage(&self, bucket: &BucketName) -> Result<Usage> {
        let bucket = bucket.clone();
        self.db.inspect(move |tx: &mut Tx<'_>| usage::usage(tx, &bucket)).await
    }

    /// Drops a bucket that is empty. A file that came meanwhile keeps it.
    pub async fn drop_bucket(&self, caller: &Caller, bucket: &BucketName) -> Result<()> {
        let definition = self.collections.bucket(caller, bucket)?;
        self.check_empty(bucket).await?;
        self.collections.drop_bucket(caller, bucket).await?;
        if let Err(error) = self.check_empty(bucket).await {
            self.collections.put_bucket(caller, bucket, &definition).await?;
            return Err(error);
        }
        Ok(())
    }

    async fn check_empty(&self, bucket: &BucketName) -> Result<()> {
        match self.usage(bucket).await?.files {
            0 => Ok(()),
            files => Err(Error::new(Code::BucketNotEmpty, format!("There are {files} files in the bucket."))),
        }
    }
}

/// The condition that a file is in the bucket, and where the list looks.
fn place(bucket: &BucketName, list: &FilesList) -> String {
    let FilesList { prefix, folders, .. } = list;
    let mut conditions = vec![format!("doc.bucket == {}", text(bucket.as_str()))];
    if !prefix.is_empty() {
        conditions.push(format!("doc.path.startsWith({})", text(prefix)));
    }
    if *folders {
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        conditions.push(format!("doc.folder == {}", text(folder)));
    }
    conditions.join(" && ")
}

/// Written as paths are.
fn prefix(asked: &str) -> Result<String> {
    let normal: String = asked.nfc().collect();
    if normal.len() > PREFIX_BYTES {
        return Err(Error::new(Code::BadParameter, format!("A prefix has at most {PREFIX_BYTES} bytes.")));
    }
    Ok(normal)
}

/// As a text of an expression.
fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// `a/b/` of the folder `a/b/c` and the prefix `a/`.
fn below(folder: &str, prefix: &str) -> Option<String> {
    let rest = folder.strip_prefix(prefix)?;
    let next = rest.split('/').next().filter(|next| !next.is_empty())?;
    Some(format!("{prefix}{next}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_right_below_a_prefix_are_told() {
        assert_eq!(below("a/b/c", "a/"), Some("a/b/".to_owned()));
        assert_eq!(below("a/b", "a/"), Some("a/b/".to_owned()));
        assert_eq!(below("a", ""), Some("a/".to_owned()));
        assert_eq!(below("a", "a/"), None);
        assert_eq!(below("", ""), None);
        assert_eq!(below("2026", "20"), Some("2026/".to_owned()));
    }
}
