use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_data::collections::Collections;

use super::shared::Collection;
use crate::extract::{AdminRead, CollectionAt};
use crate::problem::Answer;

/// Read a collection's definition
#[utoipa::path(
    get,
    path = "/v1/admin/collections/{collection}",
    tag = "admin",
    responses((status = 200, description = "The definition, and the state of its indexes.", body = Collection)),
)]
pub(crate) async fn handle(caller: AdminRead, at: CollectionAt, collections: Data<Collections>) -> Answer {
    let described = collections.describe(&caller.0, &at.0)?;
    Ok(HttpResponse::Ok().json(Collection::from(described)))
}
