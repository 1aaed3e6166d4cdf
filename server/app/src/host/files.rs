//! `files.…`: buckets and their files. Bytes go beside the arguments, never in them.

use std::time::Duration;

use basalt_core::{BucketName, Code, Document, DocumentId, Error, FilePath, Result};
use basalt_runtime::HostReply;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::arguments::tags;
use super::{Call, reply, unknown};
use crate::files::images::Asked;
use crate::files::{Declared, FilesList, Opened, Placing, SignMethod, SignRequest, Target, Wish};

/// Bytes of a file that are read at once: a function has them in its memory.
const READ_BYTES: u64 = 16 << 20;
/// What a signed URL lives where nothing is said.
const SIGNED: Duration = Duration::from_hours(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    bucket: String,
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    bucket: String,
    path: String,
    /// `{"width","height","fit","format","quality"}` or `{"preset"}`: a picture in another size.
    image: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    bucket: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    folders: bool,
    filter: Option<String>,
    #[serde(default)]
    vars: Map<String, Value>,
    #[serde(default)]
    sort: Vec<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Write {
    bucket: String,
    path: String,
    content_type: Option<String>,
    data: Option<Map<String, Value>>,
    if_match: Option<String>,
    if_none_match: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Place {
    bucket: String,
    from: String,
    to: String,
    to_bucket: Option<String>,
    #[serde(default)]
    overwrite: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Sign {
    bucket: String,
    files: Vec<Wanted>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wanted {
    path: Option<String>,
    id: Option<String>,
    method: Option<SignMethod>,
    expires_in: Option<String>,
    max_size: Option<u64>,
    content_type: Option<String>,
    image: Option<Value>,
    download: Option<String>,
}

pub(super) async fn call(call: Call<'_>, what: &str) -> Result<HostReply> {
    match what {
        "list" => list(call).await,
        "metadata" => metadata(call).await,
        "read" => read(call).await,
        "write" => write(call).await,
        "delete" => delete(call).await,
        "sign" => sign(call).await,
        "copy" | "move" => place(call, what).await,
        _ => Err(unknown(call.op)),
    }
}

fn target(bucket: &str, path: &str) -> Result<Target> {
    Ok(Target { bucket: BucketName::parse(bucket)?, path: FilePath::parse(path)? })
}

async fn list(mut call: Call<'_>) -> Result<HostReply> {
    let List { bucket, prefix, folders, filter, vars, sort, limit, cursor } = call.read()?;
    let list = FilesList { prefix, folders, filter, vars, sort, limit, cursor };
    let listed = call.host.files.list(call.caller, &BucketName::parse(&bucket)?, list).await?;
    let mut answer = Map::new();
    answer.insert("items".to_owned(), listed.items.into());
    answer.insert("nextCursor".to_owned(), listed.next_cursor.into());
    if let Some(prefixes) = listed.prefixes {
        answer.insert("prefixes".to_owned(), prefixes.into());
    }
    reply(answer)
}

/// A file that isn't there, or not for this caller, is null.
async fn metadata(mut call: Call<'_>) -> Result<HostReply> {
    let At { bucket, path } = call.read()?;
    match call.host.files.readable(call.caller, &target(&bucket, &path)?).await {
        Ok(document) => reply(document.to_flat()),
        Err(error) if error.code() == Code::FileNotFound => reply(Value::Null),
        Err(error) => Err(error),
    }
}

/// The file's document, and its bytes.
async fn read(mut call: Call<'_>) -> Result<HostReply> {
    let Read { bucket, path, image } = call.read()?;
    let (files, target) = (&call.host.files, target(&bucket, &path)?);
    let asked = image.as_ref().map(Asked::from_json).transpose()?;
    let (opened, ready) = match files.picture(call.caller, &target, None, asked.as_ref()).await? {
        Some(picture) => (picture.opened, picture.bytes),
        None => (files.open(call.caller, &target, None).await?, None),
    };
    if opened.file.size > READ_BYTES {
        let detail = format!("The file has {} bytes; a function reads at most {READ_BYTES}.", opened.file.size);
        return Err(Error::new(Code::TooLarge, detail));
    }
    let body = match ready {
        Some(bytes) => bytes,
        None => bytes_of(&call, &opened).await?,
    };
    Ok(HostReply { body, ..reply(shown(&opened))? })
}

async fn bytes_of(call: &Call<'_>, opened: &Opened) -> Result<Bytes> {
    let size = opened.file.size;
    let mut stream = call.host.files.read(opened, 0..size).await?;
    let mut bytes = BytesMut::with_capacity(usize::try_from(size).unwrap_or_default());
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes.freeze())
}

/// Of a picture in another size: what its own bytes are.
fn shown(opened: &Opened) -> Map<String, Value> {
    let mut flat = opened.document.to_flat();
    flat.insert("size".to_owned(), opened.file.size.into());
    flat.insert("contentType".to_owned(), opened.file.content_type.as_str().into());
    flat.insert("sha256".to_owned(), opened.file.sha256.as_str().into());
    flat
}

async fn write(mut call: Call<'_>) -> Result<HostReply> {
    let Write { bucket, path, content_type, data, if_match, if_none_match } = call.read()?;
    let target = target(&bucket, &path)?;
    let bytes = std::mem::take(&mut call.body);
    let declared = Declared { size: Some(bytes.len() as u64), content_type };
    let wish = Wish { data, if_match: tags(if_match), if_none_match: tags(if_none_match) };
    let stored = call.host.files.put_whole(call.caller, target, (declared, wish), bytes).await?;
    document(&stored.document)
}

async fn delete(mut call: Call<'_>) -> Result<HostReply> {
    let At { bucket, path } = call.read()?;
    call.host.files.delete(call.caller, target(&bucket, &path)?).await?;
    reply(Value::Null)
}

async fn place(mut call: Call<'_>, what: &str) -> Result<HostReply> {
    let Place { bucket, from, to, to_bucket, overwrite } = call.read()?;
    let to = target(to_bucket.as_deref().unwrap_or(&bucket), &to)?;
    let placing = Placing { from: target(&bucket, &from)?, to, overwrite };
    let files = &call.host.files;
    let stored = match what {
        "copy" => files.copy(call.caller, placing).await?,
        _ => files.rename(call.caller, placing).await?,
    };
    document(&stored.document)
}

async fn sign(mut call: Call<'_>) -> Result<HostReply> {
    let Sign { bucket, files } = call.read()?;
    let requests = files.into_iter().map(Wanted::parse).collect::<Result<Vec<_>>>()?;
    let signed = call.host.files.sign(call.caller, &BucketName::parse(&bucket)?, requests).await?;
    let base = call.host.public_url.as_deref().unwrap_or_default();
    let shown =
        |signed: crate::files::Signed| json!({"url": format!("{base}{}", signed.url), "expiresAt": signed.expires_at});
    let items: Vec<Value> = signed.into_iter().map(shown).collect();
    reply(json!({ "items": items }))
}

impl Wanted {
    fn parse(self) -> Result<SignRequest> {
        let bad = |detail: &str| Error::new(Code::BadParameter, detail);
        let file = match (self.path, self.id) {
            (Some(path), None) => Ok(FilePath::parse(&path)?),
            (None, Some(id)) => Err(DocumentId::parse(&id)?),
            _ => return Err(bad("A file is named by its path, or by its id.")),
        };
        let expires_in = match self.expires_in.as_deref() {
            None => SIGNED,
            Some(text) => basalt_data::duration(text).ok_or_else(|| bad("expiresIn is a time such as \"15m\"."))?,
        };
        Ok(SignRequest {
            file,
            method: self.method.unwrap_or(SignMethod::Get),
            expires_in,
            max_size: self.max_size,
            content_type: self.content_type,
            image: self.image,
            download: self.download,
        })
    }
}

fn document(document: &Document) -> Result<HostReply> {
    reply(document.to_flat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_named_once() {
        let wanted = |value: Value| serde_json::from_value::<Wanted>(value).unwrap().parse();
        let one = wanted(json!({"path": "a/b.png", "expiresIn": "15m", "method": "PUT"})).unwrap();
        assert_eq!((one.method, one.expires_in), (SignMethod::Put, Duration::from_mins(15)));
        for bad in [json!({}), json!({"path": "a", "id": "b"}), json!({"path": "a", "expiresIn": "soon"})] {
            assert_eq!(wanted(bad).unwrap_err().code(), Code::BadParameter);
        }
    }

    #[test]
    fn only_a_new_file_is_asked_for_by_a_star() {
        assert_eq!(tags(Some("*".to_owned())), Some(basalt_data::documents::EntityTags::Any));
    }
}
