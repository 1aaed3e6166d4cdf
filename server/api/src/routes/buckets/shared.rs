//! What the files' endpoints share.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use basalt_app::files::{File, Stored, Target, url_of};
use basalt_core::change::seq_to_text;
use basalt_core::{BucketName, Document, FilePath, Result, Seq};
use serde::Deserialize;
use utoipa::openapi::schema::{AdditionalProperties, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A file's document: a map on the wire, so it is described by hand.
pub(crate) struct FileSchema;

impl PartialSchema for FileSchema {
    fn schema() -> RefOr<Schema> {
        let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
        let object = |description: &str| {
            let free = Some(AdditionalProperties::FreeForm(true));
            let object = ObjectBuilder::new().schema_type(Type::Object).additional_properties(free);
            object.description(Some(description))
        };
        let properties = [
            ("id", text("Stays when the file is moved.")),
            ("rev", text("Opaque; another one after each write.")),
            ("bucket", text("Its bucket.")),
            ("path", text("Its place in the bucket.")),
            ("folder", text("The path without its last segment.")),
            ("size", ObjectBuilder::new().schema_type(Type::Integer).description(Some("Bytes."))),
            ("contentType", text("By its bytes, as far as they say.")),
            ("sha256", text("Of its bytes, in hex.")),
            ("status", text("`ready`, or `pending` while a scanner hasn't released it.")),
            ("createdAt", text("When it was made.")),
            ("updatedAt", text("When it was written last.")),
        ];
        let or_null = SchemaType::from_iter([Type::String, Type::Null]);
        let owner = "The user who uploaded it; null where that was no user.";
        let owner = ObjectBuilder::new().schema_type(or_null).description(Some(owner));
        let mut schema = ObjectBuilder::new().description(Some("A file: the document that tells of it."));
        for (name, property) in properties {
            schema = schema.property(name, property).required(name);
        }
        schema
            .property("owner", owner)
            .property("image", object("Of a picture: `width`, `height`, `blurhash`, `color`."))
            .property("data", object("What the app says of it."))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for FileSchema {
    fn name() -> Cow<'static, str> {
        "File".into()
    }
}

/// Where a file is copied or moved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = FilePlacing)]
pub(crate) struct Body {
    from: String,
    to: String,
    /// Another bucket; else the same.
    to_bucket: Option<String>,
    /// Whether a file at the new place is replaced.
    #[serde(default)]
    overwrite: bool,
}

impl Body {
    pub(super) fn placing(self, bucket: BucketName) -> Result<basalt_app::files::Placing> {
        let to_bucket = self.to_bucket.as_deref().map_or(Ok(bucket.clone()), BucketName::parse)?;
        Ok(basalt_app::files::Placing {
            from: Target { bucket, path: FilePath::parse(&self.from)? },
            to: Target { bucket: to_bucket, path: FilePath::parse(&self.to)? },
            overwrite: self.overwrite,
        })
    }
}

/// The answer to a write: the file's document.
pub(super) fn stored(stored: &Stored) -> Result<HttpResponse> {
    let file = File::of(&stored.document)?;
    let status = if stored.created { StatusCode::CREATED } else { StatusCode::OK };
    let mut answer = HttpResponse::build(status);
    answer.insert_header((ETAG, etag(&file)));
    if stored.created {
        answer.insert_header((LOCATION, url_of(&file.target)));
    }
    note_seq(&mut answer, stored.seq);
    Ok(answer.json(told(&stored.document)))
}

pub(super) fn note_seq(answer: &mut actix_web::HttpResponseBuilder, seq: Option<Seq>) {
    if let Some(seq) = seq {
        answer.insert_header(("Basalt-Seq", seq_to_text(seq)));
    }
}

/// As it is shown.
pub(super) fn told(document: &Document) -> serde_json::Value {
    serde_json::Value::Object(document.to_flat())
}

/// Of the bytes.
pub(super) fn etag(file: &File) -> String {
    format!("\"{}\"", file.sha256)
}
