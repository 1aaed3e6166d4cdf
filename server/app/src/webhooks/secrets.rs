//! What a webhook has sealed: the secrets that it signs with, and the values of its headers.

use std::collections::BTreeMap;

use basalt_core::random::Random;
use basalt_core::{DocumentId, Error, Result, Timestamp};
use basalt_outbound::SigningSecret;
use basalt_store::CellKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::common::{Sealer, Secret};

/// As a cell keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealed {
    /// The one that counts, then the one before.
    secrets: Vec<SealedSecret>,
    headers: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SealedSecret {
    text: String,
    until: Option<Timestamp>,
}

/// The same, opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Opened {
    pub(super) secrets: Vec<(SigningSecret, Option<Timestamp>)>,
    pub(super) headers: BTreeMap<String, String>,
}

pub(super) fn key(name: &DocumentId) -> CellKey {
    CellKey::new("_webhook_secrets", name.as_str())
}

impl Sealed {
    pub(super) fn read(value: Value) -> Result<Self> {
        serde_json::from_value(value).map_err(Error::internal)
    }

    pub(super) fn to_value(&self) -> Value {
        json!(self)
    }

    /// The first secret there is.
    #[must_use]
    pub(super) fn with_secret(self, text: String) -> Self {
        Self { secrets: vec![SealedSecret { text, until: None }], ..self }
    }

    /// A new secret; the one before signs until `until`, those before that no more.
    #[must_use]
    pub(super) fn rotated(self, text: String, until: Timestamp) -> Self {
        let before = self.secrets.into_iter().next().map(|secret| SealedSecret { until: Some(until), ..secret });
        let secrets = [SealedSecret { text, until: None }].into_iter().chain(before).collect();
        Self { secrets, ..self }
    }

    #[must_use]
    pub(super) fn with_headers(self, headers: String) -> Self {
        Self { headers: Some(headers), ..self }
    }

    /// Fails where the master secret is another one than that the present secret was sealed under; one before it that
    /// can't be opened signs no more.
    pub(super) fn open(&self, name: &DocumentId, sealer: &Sealer) -> Result<Opened> {
        let unreadable = || Error::internal(format!("the secrets of the webhook {name} can't be opened"));
        let open = |text: &str| sealer.open(name.as_str(), text).ok_or_else(unreadable);
        let secret = |kept: &SealedSecret| {
            let secret = SigningSecret::parse(open(&kept.text)?.expose()).ok_or_else(unreadable)?;
            Ok((secret, kept.until))
        };
        let headers = match &self.headers {
            Some(text) => serde_json::from_str(open(text)?.expose()).map_err(Error::internal)?,
            None => BTreeMap::new(),
        };
        let mut secrets = Vec::with_capacity(self.secrets.len());
        for (n, kept) in self.secrets.iter().enumerate() {
            match secret(kept) {
                Err(error) if n == 0 => return Err(error),
                opened => secrets.extend(opened.ok()),
            }
        }
        Ok(Opened { secrets, headers })
    }
}

impl Opened {
    /// Those that sign at a time.
    pub(super) fn signing(&self, now: Timestamp) -> Vec<SigningSecret> {
        let counts = |(_, until): &&(SigningSecret, Option<Timestamp>)| until.is_none_or(|until| now < until);
        self.secrets.iter().filter(counts).map(|(secret, _)| secret.clone()).collect()
    }
}

pub(super) fn seal(name: &DocumentId, secret: &SigningSecret, sealer: &Sealer, random: &dyn Random) -> String {
    sealer.seal(name.as_str(), &Secret::new(secret.expose()), random)
}

pub(super) fn seal_headers(
    name: &DocumentId,
    headers: &BTreeMap<String, String>,
    sealer: &Sealer,
    random: &dyn Random,
) -> String {
    sealer.seal(name.as_str(), &Secret::new(json!(headers).to_string()), random)
}
