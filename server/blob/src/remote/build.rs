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
        let anonymous = bucket.settings.iter().any(|(name, _)| *name == "google_skip_signature");
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
