use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_core::{Caller, CollectionName, Principal};
use basalt_data::documents::Documents;

use crate::extract::{AdminRead, Query};
use crate::problem::Answer;
use crate::routes::documents::shared::{DocumentPage, ListParameters};

/// List users
///
/// The documents of `users`, all of them with all fields.
#[utoipa::path(
    get,
    path = "/v1/admin/users",
    tag = "admin",
    params(ListParameters),
    responses((status = 200, description = "A page.", body = DocumentPage)),
    extensions(("x-codes" = json!(["bad_filter", "bad_cursor", "not_available"]))),
)]
pub(crate) async fn handle(caller: AdminRead, query: Query<ListParameters>, documents: Data<Documents>) -> Answer {
    // Whoever may read here reads all users, also a key with the scope `admin` alone.
    let reader = Caller { principal: Principal::System, ..caller.0 };
    let users = CollectionName::parse("users")?;
    let page = documents.query(&reader, &users, query.0.into_query()?).await?;
    Ok(HttpResponse::Ok().json(DocumentPage::from(page)))
}
