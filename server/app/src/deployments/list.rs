//! What was deployed, newest first.

use basalt_core::filter::Filter;
use basalt_core::{Caller, Code, Document, Error, FieldPath, Result};
use basalt_store::{Keyset, List, SortField};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Deployment, Deployments, deployment};
use crate::common::names::DEPLOYMENTS;
use crate::common::rights;

/// Of one page.
const PAGE_MAX: u32 = 100;

#[derive(Clone, Debug)]
pub struct DeploymentPage {
    pub deployments: Vec<Deployment>,
    /// Where the next page begins; opaque.
    pub next_cursor: Option<String>,
}

impl Deployments {
    /// At most `limit` of them, from where a page before ended.
    pub async fn list(&self, caller: &Caller, cursor: Option<&str>, limit: u32) -> Result<DeploymentPage> {
        rights::admin_read(caller)?;
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Error::new(Code::BadParameter, format!("limit is 1 to {PAGE_MAX}.")));
        }
        let page = self.db.store().list(list(limit, cursor.map(place).transpose()?)?).await?;
        let deployments = page.documents.iter().map(deployment).collect::<Result<_>>()?;
        Ok(DeploymentPage { deployments, next_cursor: page.next.map(|end| cursor_of(&end)).transpose()? })
    }

    pub(super) async fn newest(&self, count: u32) -> Result<Vec<Document>> {
        Ok(self.db.store().list(list(count, None)?).await?.documents)
    }
}

fn list(limit: u32, after: Option<Keyset>) -> Result<List> {
    let newest_first = SortField { path: FieldPath::parse("createdAt")?, descending: true };
    let collection = DEPLOYMENTS.clone();
    Ok(List { collection, filter: Filter::True, search: None, sort: vec![newest_first], limit, after, count: false })
}

fn cursor_of(end: &Keyset) -> Result<String> {
    serde_json::to_vec(end).map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).map_err(Error::internal)
}

fn place(cursor: &str) -> Result<Keyset> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let place: Option<Keyset> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    place
        .filter(|place| place.values.len() == 1)
        .ok_or_else(|| Error::new(Code::BadCursor, "That is no cursor of this list."))
}
