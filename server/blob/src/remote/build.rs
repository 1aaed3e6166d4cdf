use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Code, Error, Result};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::ClientOptions;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};

use super::Remote;
use super::janitor::Janitor;
use crate::place::Bucket;

/// A store that isn't there is known within seconds.
const CONNECTED: Duration = Duration::from_secs(3);
/// How long one step of an answer may take. (A whole answer takes as long as its reader does.)
const ANSWERED: Duration = Duration::from_secs(30);
const TRIES_END: Duration = Duration::from_secs(20);
const TRIES: usize = 3;

impl Remote {
    pub(crate) async fn s3(bucket: &Bucket) -> Result<Arc<Self>> {
        let mut builder = AmazonS3Builder::new();
        for (name, value) in &bucket.settings {
            builder = builder.with_config(setting::<AmazonS3ConfigKey>(name)?, value);
        }
        if let Some(endpoint) = s3_endpoint(bucket) {
            builder = builder.with_endpoint(endpoint);
        }
        let builder = builder
            .with_bucket_name(&bucket.name)
            .with_virtual_hosted_style_request(bucket.virtual_style)
            // What speaks as S3 doesn't always know the call that deletes many, and we delete few.
            .with_disable_bulk_delete(true)
            .with_client_options(client(bucket))
            .with_retry(retries());
        let store = Arc::new(builder.build().map_err(|error| refused(bucket, error))?);
        Self::over(bucket, Arc::clone(&store), Some(store)).await
    }

    pub(crate) async fn gcs(bucket: &Bucket) -> Result<Arc<Self>> {
        let mut builder = GoogleCloudStorageBuilder::new();
        for (name, value) in &bucket.settings {
            builder = builder.with_config(setting::<GoogleConfigKey>(name)?, value);
        }
        if let Some(endpoint) = &bucket.endpoint {
            builder = builder.with_base_url(endpoint);
        }
        let builder = builder.with_bucket_name(&bucket.name).with_client_options(client(bucket)).with_retry(retries());
        let store = Arc::new(builder.build().map_err(|error| refused(bucket, error))?);
        let anonymous = bucket.settings.iter().any(|(name, _)| *name == "google_bearer_token");
        let signer: Option<Arc<dyn Signer>> = if anonymous { None } else { Some(Arc::clone(&store) as _) };
        Self::over(bucket, store, signer).await
    }

    pub(crate) async fn azure(bucket: &Bucket) -> Result<Arc<Self>> {
        let mut builder = MicrosoftAzureBuilder::new();
        for (name, value) in &bucket.settings {
            builder = builder.with_config(setting::<AzureConfigKey>(name)?, value);
        }
        if let Some(endpoint) = &bucket.endpoint {
            builder = builder.with_endpoint(endpoint.clone());
        }
        let builder =
            builder.with_container_name(&bucket.name).with_client_options(client(bucket)).with_retry(retries());
        let store = Arc::new(builder.build().map_err(|error| refused(bucket, error))?);
        // Its signed URLs can't say which headers the answer is to have, so a file could be opened where it shouldn't.
        Self::over(bucket, store, None).await
    }

    async fn over<S: ObjectStore + MultipartStore>(
        bucket: &Bucket,
        store: Arc<S>,
        signer: Option<Arc<dyn Signer>>,
    ) -> Result<Arc<Self>> {
        let prefix = Path::from(bucket.prefix.as_str());
        let janitor = Janitor::new(Arc::clone(&store) as _, Arc::clone(&store) as _);
        let multipart = Arc::clone(&store) as Arc<dyn MultipartStore>;
        Self { store, multipart, signer, prefix, janitor }.prove(&bucket.to_string()).await
    }
}

fn setting<K: std::str::FromStr<Err = object_store::Error>>(name: &str) -> Result<K> {
    name.parse().map_err(Error::internal)
}

/// With the bucket in the host's name, where that is the style.
fn s3_endpoint(bucket: &Bucket) -> Option<String> {
    let endpoint = bucket.endpoint.as_ref()?;
    let named = || endpoint.replacen("://", &format!("://{}.", bucket.name), 1);
    Some(if bucket.virtual_style { named() } else { endpoint.clone() })
}

fn client(bucket: &Bucket) -> ClientOptions {
    // Without a provider of cryptography of the process reqwest would panic; if there is one already, that one stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ClientOptions::new()
        .with_allow_http(bucket.plain_http())
        .with_connect_timeout(CONNECTED)
        .with_timeout_disabled()
        .with_read_timeout(ANSWERED)
}

fn retries() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(3), base: 2.0 };
    RetryConfig { backoff, max_retries: TRIES, retry_timeout: TRIES_END }
}

fn refused(bucket: &Bucket, error: object_store::Error) -> Error {
    let detail = format!("The settings for {bucket} don't do: {error}.");
    Error::new(Code::Unavailable, detail).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Blobs, Place};

    fn bucket(url: &str) -> Bucket {
        let Place::S3(bucket) = Place::parse(url, &|_| None).unwrap() else { panic!("{url}") };
        bucket
    }

    #[test]
    fn the_virtual_style_puts_the_bucket_into_the_hosts_name() {
        let styled =
            |style: &str| s3_endpoint(&bucket(&format!("s3://photos?endpoint=https://s3.example:9000{style}")));
        assert_eq!(styled("&style=virtual").as_deref(), Some("https://photos.s3.example:9000"));
        assert_eq!(styled("").as_deref(), Some("https://s3.example:9000"));
        assert_eq!(s3_endpoint(&bucket("s3://photos")), None);
    }

    #[tokio::test]
    async fn a_store_that_is_not_there_is_told_at_the_start() {
        for scheme in ["http", "https"] {
            // Port 9 (discard) of loopback: nobody listens.
            let url = format!("s3://photos?endpoint={scheme}://127.0.0.1:9&key=canary&secret=canary");
            let error = Blobs::open(Place::parse(&url, &|_| None).unwrap()).await.err().unwrap();
            assert_eq!(error.code(), Code::Unavailable);
            assert!(error.detail().contains("s3://photos"), "{error}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }
}
