//! Signed URLs: a right that was asked for once, for one file, one method and some time, written down where whoever has
//! it can use it. They need no state; to take them all back is to change the deployment's secret.

use std::time::Duration;

use basalt_core::{BucketName, Caller, Code, DocumentId, Error, FilePath, Result, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use super::commit::{Putting, Right, Wish, bucket_of};
use super::images::Asked;
use super::{File, Files, Target, file_not_found, sniff};

/// Signed at once.
pub const SIGN_MAX: usize = 200;
const LONGEST: Duration = Duration::from_hours(24 * 7);
const SHORTEST: Duration = Duration::from_secs(1);
/// What stays as it is in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SignMethod {
    Get,
    Put,
}

/// What is to be signed.
#[derive(Clone, Debug)]
pub struct SignRequest {
    /// By its place, or (to be read) by its id.
    pub file: Result<FilePath, DocumentId>,
    pub method: SignMethod,
    pub expires_in: Duration,
    /// Of an upload: bytes, below what the bucket takes.
    pub max_size: Option<u64>,
    /// Of an upload: the type that has to be declared.
    pub content_type: Option<String>,
    /// Of a picture: the size that it is given in.
    pub image: Option<Value>,
    /// Of a download: the name that it is saved under.
    pub download: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// From `/v1` on.
    pub url: String,
    pub expires_at: Timestamp,
}

/// What a signed URL allows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    #[serde(rename = "b")]
    bucket: BucketName,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    file: Option<DocumentId>,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    path: Option<FilePath>,
    #[serde(rename = "m")]
    method: SignMethod,
    /// In milliseconds.
    #[serde(rename = "e")]
    expires_at: i64,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    max_size: Option<u64>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    image: Option<Value>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    download: Option<String>,
}

impl Ticket {
    /// The file that it lets read.
    pub fn file(&self) -> Option<&DocumentId> {
        self.file.as_ref()
    }

    pub fn max_size(&self) -> Option<u64> {
        self.max_size
    }

    /// Whose an uploaded file becomes.
    pub fn owner(&self) -> Option<String> {
        self.owner.clone()
    }

    /// The size that a picture is given in.
    pub fn image(&self) -> Option<&Value> {
        self.image.as_ref()
    }

    pub fn download(&self) -> Option<&str> {
        self.download.as_deref()
    }

    /// The type that an upload has to have, as it is declared and by its bytes.
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }
}

impl Files {
    /// Signs, if the caller may now do what the URLs will allow.
    pub async fn sign(&self, caller: &Caller, bucket: &BucketName, requests: Vec<SignRequest>) -> Result<Vec<Signed>> {
        if requests.is_empty() || requests.len() > SIGN_MAX {
            return Err(Error::new(Code::BadRequest, format!("Sign 1 to {SIGN_MAX} URLs at once.")));
        }
        let mut signed = Vec::with_capacity(requests.len());
        for request in requests {
            if !(SHORTEST..=LONGEST).contains(&request.expires_in) {
                return Err(Error::new(Code::BadRequest, "expiresIn is from 1s to 7d."));
            }
            signed.push(match request.method {
                SignMethod::Get => self.sign_get(caller, bucket, request).await?,
                SignMethod::Put => self.sign_put(caller, bucket, request).await?,
            });
        }
        Ok(signed)
    }

    async fn sign_get(&self, caller: &Caller, bucket: &BucketName, request: SignRequest) -> Result<Signed> {
        let document = match &request.file {
            Ok(path) => {
                let target = Target { bucket: bucket.clone(), path: path.clone() };
                self.readable(caller, &target).await?
            }
            Err(id) => self.by_id(caller, id).await?,
        };
        let file = File::of(&document)?;
        if file.target.bucket != *bucket {
            return Err(file_not_found());
        }
        if let Some(image) = &request.image {
            Asked::check(image, bucket_of(&*self.collections.files()?, &file.target)?)?;
        }
        let ticket = self.ticket_of(bucket, &request);
        let ticket = Ticket {
            file: Some(document.id.clone()),
            path: Some(file.target.path.clone()),
            image: request.image,
            download: request.download,
            ..ticket
        };
        self.signed(&file.target, &ticket)
    }

    async fn sign_put(&self, caller: &Caller, bucket: &BucketName, request: SignRequest) -> Result<Signed> {
        let Ok(path) = request.file.clone() else {
            return Err(Error::new(Code::BadRequest, "An upload is signed for a path."));
        };
        let target = Target { bucket: bucket.clone(), path };
        bucket_of(&*self.collections.files()?, &target)?;
        let guess = sniff::content_type(request.content_type.as_deref(), b"");
        let (id, caller) = (self.db.new_id(), caller.clone());
        let owner = caller.user().map(|user| user.id.to_string());
        let putting =
            Putting { target: target.clone(), wish: Wish::default(), right: Right::Rules, caller, id, upload: None };
        self.check(&putting, request.max_size.unwrap_or(0), &guess).await?;
        let ticket = self.ticket_of(bucket, &request);
        let path = Some(target.path.clone());
        let ticket = Ticket { path, owner, max_size: request.max_size, content_type: request.content_type, ..ticket };
        self.signed(&target, &ticket)
    }

    fn ticket_of(&self, bucket: &BucketName, request: &SignRequest) -> Ticket {
        Ticket {
            bucket: bucket.clone(),
            file: None,
            path: None,
            method: request.method,
            expires_at: self.db.now().plus(request.expires_in).millis(),
            max_size: None,
            content_type: None,
            owner: None,
            image: None,
            download: None,
        }
    }

    fn signed(&self, target: &Target, ticket: &Ticket) -> Result<Signed> {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(ticket).map_err(Error::internal)?);
        let mac = URL_SAFE_NO_PAD.encode(self.mac(payload.as_bytes())?.finalize().into_bytes());
        let url = format!("{}?token={payload}.{mac}", url_of(target));
        Ok(Signed { url, expires_at: Timestamp::from_millis(ticket.expires_at) })
    }

    /// What a token allows at this place, by this method.
    pub fn ticket(&self, token: &str, target: &Target, method: SignMethod) -> Result<Ticket> {
        let bad = || Error::new(Code::BadSignature, "This URL was not signed so.");
        let (payload, mac) = token.split_once('.').ok_or_else(bad)?;
        let sent = URL_SAFE_NO_PAD.decode(mac).map_err(|_| bad())?;
        self.mac(payload.as_bytes())?.verify_slice(&sent).map_err(|_| bad())?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| bad())?;
        let ticket: Ticket = serde_json::from_slice(&payload).map_err(|_| bad())?;
        let other_path = ticket.path.as_ref().is_some_and(|path| *path != target.path);
        if ticket.bucket != target.bucket || ticket.method != method || other_path {
            return Err(bad());
        }
        if Timestamp::from_millis(ticket.expires_at) <= self.db.now() {
            return Err(Error::new(Code::SignatureExpired, "The time of this URL is over."));
        }
        Ok(ticket)
    }

    fn mac(&self, text: &[u8]) -> Result<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.signing).map_err(Error::internal)?;
        Ok(mac.chain_update(text))
    }
}

/// Where a file is served, from `/v1` on.
pub fn url_of(target: &Target) -> String {
    let segments = target.path.as_str().split('/').map(|segment| utf8_percent_encode(segment, SEGMENT).to_string());
    format!("/v1/buckets/{}/files/{}", target.bucket, segments.collect::<Vec<_>>().join("/"))
}
