use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use basalt_app::files::{Files, SignMethod, SignRequest};
use basalt_core::{Code, DocumentId, Error, FilePath, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::extract::{BucketAt, Caller, Json, PublicOrigin};
use crate::problem::Answer;

/// Where nothing is said.
const LIFE: Duration = Duration::from_hours(1);

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignBody)]
pub(crate) struct Body {
    /// 1 to 200.
    #[schema(min_items = 1, max_items = 200)]
    files: Vec<Wanted>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = SignWanted)]
pub(crate) struct Wanted {
    path: Option<String>,
    /// Of a download, in the place of its path.
    id: Option<String>,
    /// `GET` (the default) or `PUT`.
    method: Option<Method>,
    /// `1s` to `7d`; `1h` where nothing is said.
    expires_in: Option<String>,
    /// Of an upload: the most bytes.
    max_size: Option<u64>,
    /// Of an upload: the type that has to be declared.
    content_type: Option<String>,
    /// Of a picture: `{"width","height","fit","format","quality"}`.
    image: Option<Value>,
    /// Of a picture: the name of a preset.
    preset: Option<String>,
    /// Of a download: saved under this name, or (empty) its own.
    download: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = SignMethod)]
pub(crate) enum Method {
    Get,
    Put,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SignedUrls)]
pub(crate) struct SignedUrls {
    items: Vec<SignedUrl>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedUrl {
    /// Whole where the server knows under which name it is reached, else from `/v1` on.
    url: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Sign URLs
///
/// Each allows one method on one file for some time to whoever has it; the rules are asked now, for the caller. A
/// download follows its file where it is moved; an upload becomes the caller's.
#[utoipa::path(
    post,
    path = "/v1/buckets/{bucket}/sign",
    tag = "files",
    request_body = Body,
    responses((status = 200, description = "The URLs, in order.", body = SignedUrls)),
    extensions(("x-codes" = json!([
        "file_not_found", "unauthenticated", "rule_denied", "rule_missing", "scope_missing", "bucket_full",
        "schema_violation", "bad_parameter", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: BucketAt,
    request: HttpRequest,
    body: Json<Body>,
    files: Data<Files>,
) -> Answer {
    let requests = body.0.files.into_iter().map(Wanted::parse).collect::<Result<Vec<_>>>()?;
    let signed = files.sign(&caller.0, &at.0, requests).await?;
    let base = request.app_data::<PublicOrigin>().and_then(|origin| origin.0.as_deref()).unwrap_or_default();
    let shown = |signed: basalt_app::files::Signed| SignedUrl {
        url: format!("{base}{}", signed.url),
        expires_at: signed.expires_at.to_string(),
    };
    Ok(HttpResponse::Ok().json(SignedUrls { items: signed.into_iter().map(shown).collect() }))
}

impl Wanted {
    fn parse(self) -> Result<SignRequest> {
        let file = match (&self.path, &self.id) {
            (Some(path), None) => Ok(FilePath::parse(path)?),
            (None, Some(id)) => Err(DocumentId::parse(id)?),
            _ => return Err(Error::new(Code::BadRequest, "Each file is named by its path or its id.")),
        };
        let method = match self.method {
            None | Some(Method::Get) => SignMethod::Get,
            Some(Method::Put) => SignMethod::Put,
        };
        let expires_in = match &self.expires_in {
            Some(text) => basalt_data::duration(text).ok_or_else(|| {
                Error::new(Code::BadRequest, "expiresIn is a duration such as \"90s\", \"15m\" or \"1h\".")
            })?,
            None => LIFE,
        };
        let uploads = self.max_size.is_some() || self.content_type.is_some();
        let downloads = self.image.is_some() || self.preset.is_some() || self.download.is_some();
        if (method == SignMethod::Get && uploads) || (method == SignMethod::Put && downloads) {
            let detail = "maxSize and contentType are of uploads; image, preset and download of downloads.";
            return Err(Error::new(Code::BadRequest, detail));
        }
        let image = match (self.image, self.preset) {
            (Some(_), Some(_)) => return Err(Error::new(Code::BadRequest, "Name an image's size or a preset.")),
            (image, None) => image,
            (None, Some(preset)) => Some(serde_json::json!({ "preset": preset })),
        };
        let Self { max_size, content_type, download, .. } = self;
        Ok(SignRequest { file, method, expires_in, max_size, content_type, image, download })
    }
}
