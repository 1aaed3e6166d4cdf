//! Kept answers: one effect for one key, however often the request comes.
//!
//! A cell (caller, key) goes into the batch of the write itself, so it is there if and only if the write is. It holds
//! the request's fingerprint and the answer for 24 hours. An answer over 64 KiB is not kept whole: its replay shows
//! a document that is still the same as a read would, and of one that has changed since only `id` and `rev`.

use std::time::Duration;

use basalt_core::{Caller, Code, Error, Principal, Result, Timestamp};
use basalt_store::{CellKey, CellWrite};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::answer::Shown;
use super::input::Idempotency;

pub const IDEMPOTENCY_SPACE: &str = "idempotency";
const KEPT_FOR: Duration = Duration::from_hours(24);
/// Bytes of the bodies of one answer.
const KEPT_BYTES: usize = 64 << 10;

/// A key claimed by a caller for one request.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub cell: CellKey,
    fingerprint: String,
}

/// One operation's answer as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub kind: String,
    pub id: String,
    pub rev: Option<String>,
    /// `Err`: there was one, too large to keep.
    pub body: Result<Option<Shown>, TooLargeToKeep>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLargeToKeep;

impl Claim {
    pub(crate) fn new(caller: &Caller, request: &Idempotency) -> Result<Self> {
        let bad = |detail: &str| Error::new(Code::BadRequest, detail);
        let who = match &caller.principal {
            Principal::Visitor => return Err(bad("Visitors may not send an Idempotency-Key: sign in.")),
            Principal::User(user) => format!("user:{}", user.id),
            Principal::Service(key) => format!("service:{}", key.id),
            Principal::Operator(operator) => format!("operator:{}", operator.id),
            Principal::System => "system:".to_owned(),
        };
        let key = &request.key;
        if !(1..=128).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(bad("An Idempotency-Key has 1 to 128 visible characters."));
        }
        Ok(Self { cell: CellKey::new(IDEMPOTENCY_SPACE, format!("{who}:{key}")), fingerprint: fingerprint(request) })
    }

    /// The kept answer, if what is kept belongs to the same request.
    pub(crate) fn replay(&self, kept: &Value) -> Result<Vec<Kept>> {
        if kept["fingerprint"].as_str() != Some(&self.fingerprint) {
            let detail = "This Idempotency-Key was used for another request.";
            return Err(Error::new(Code::IdempotencyKeyReused, detail));
        }
        let answers = kept["answers"].as_array().into_iter().flatten();
        answers.map(|answer| Kept::read(answer).ok_or_else(|| Error::internal("a kept answer can't be read"))).collect()
    }

    pub(crate) fn keep(&self, mut answers: Vec<Kept>, now: Timestamp) -> CellWrite {
        let mut left = KEPT_BYTES;
        for answer in &mut answers {
            let bytes = answer.body.as_ref().map_or(0, |body| serde_json::to_vec(body).map_or(usize::MAX, |b| b.len()));
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => answer.body = Err(TooLargeToKeep),
            }
        }
        let answers: Vec<Value> = answers.into_iter().map(Kept::write).collect();
        let value = json!({"fingerprint": self.fingerprint, "answers": answers});
        CellWrite::Put { key: self.cell.clone(), value, expires_at: Some(now.plus(KEPT_FOR)) }
    }
}

impl Kept {
    fn write(self) -> Value {
        let mut map = Map::new();
        map.insert("kind".into(), self.kind.into());
        map.insert("id".into(), self.id.into());
        map.insert("rev".into(), self.rev.into());
        match self.body {
            Ok(body) => map.insert("body".into(), body.map_or(Value::Null, |body| Value::Object(body.into_flat()))),
            Err(TooLargeToKeep) => map.insert("large".into(), true.into()),
        };
        Value::Object(map)
    }

    fn read(value: &Value) -> Option<Self> {
        let body = match &value["body"] {
            _ if value["large"] == true => Err(TooLargeToKeep),
            Value::Object(map) => Ok(Some(Shown::Part(map.clone()))),
            Value::Null => Ok(None),
            _ => return None,
        };
        Some(Self {
            kind: value["kind"].as_str()?.to_owned(),
            id: value["id"].as_str()?.to_owned(),
            rev: value["rev"].as_str().map(str::to_owned),
            body,
        })
    }
}

/// For those who keep answers of their own: the cell that a caller's key belongs to, and the request's fingerprint, which
/// the cell's value has as `fingerprint`. One key is one request's, whoever keeps its answer.
pub fn claim(caller: &Caller, request: &Idempotency) -> Result<(CellKey, String)> {
    let Claim { cell, fingerprint } = Claim::new(caller, request)?;
    Ok((cell, fingerprint))
}

fn fingerprint(request: &Idempotency) -> String {
    let mut hash = Sha256::new();
    for part in [request.method.as_bytes(), request.path.as_bytes(), &request.body_hash] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    basalt_core::random::base32hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: &str, body: u8) -> Idempotency {
        Idempotency { key: key.into(), method: "POST".into(), path: "/v1/x".into(), body_hash: [body; 32] }
    }

    fn caller() -> Caller {
        Caller::system(Timestamp::from_millis(0))
    }

    fn kept(body: Result<Option<Map<String, Value>>, TooLargeToKeep>) -> Kept {
        let body = body.map(|body| body.map(Shown::Part));
        Kept { kind: "created".into(), id: "x".into(), rev: Some("r".into()), body }
    }

    fn value(write: CellWrite) -> Value {
        match write {
            CellWrite::Put { value, .. } => value,
            CellWrite::Delete { .. } => panic!("a put"),
        }
    }

    #[test]
    fn what_was_kept_comes_back_for_the_same_request_only() {
        let claim = Claim::new(&caller(), &request("k", 1)).unwrap();
        let body = json!({"id": "x", "n": 1}).as_object().cloned();
        let cell = value(claim.keep(vec![kept(Ok(body.clone())), kept(Ok(None))], Timestamp::from_millis(0)));
        assert_eq!(claim.replay(&cell).unwrap(), [kept(Ok(body)), kept(Ok(None))]);
        let other = Claim::new(&caller(), &request("k", 2)).unwrap();
        assert_eq!(other.replay(&cell).unwrap_err().code(), Code::IdempotencyKeyReused);
    }

    #[test]
    fn large_bodies_are_not_kept() {
        let claim = Claim::new(&caller(), &request("k", 1)).unwrap();
        let large = json!({"text": "x".repeat(KEPT_BYTES)}).as_object().cloned();
        let small = json!({"n": 1}).as_object().cloned();
        let cell = value(claim.keep(vec![kept(Ok(large)), kept(Ok(small.clone()))], Timestamp::from_millis(0)));
        assert_eq!(claim.replay(&cell).unwrap(), [kept(Err(TooLargeToKeep)), kept(Ok(small))]);
    }

    #[test]
    fn keys_are_visible_and_short_and_visitors_have_none() {
        for bad in ["", " ", "a b", "é", &"x".repeat(129)] {
            assert_eq!(Claim::new(&caller(), &request(bad, 1)).unwrap_err().code(), Code::BadRequest, "{bad:?}");
        }
        let visitor = Caller { principal: Principal::Visitor, ..caller() };
        assert_eq!(Claim::new(&visitor, &request("k", 1)).unwrap_err().code(), Code::BadRequest);
    }
}
