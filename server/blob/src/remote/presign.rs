use std::time::Duration;

use basalt_core::Result;
use object_store::signer::{Method, SignedUrlOptions};

use super::Remote;
use crate::{AnswerHeaders, Key, fault};

impl Remote {
    /// The headers are part of what is signed: nobody has a file shown as something else.
    pub(crate) async fn presign(&self, key: &Key, expires: Duration, answer: &AnswerHeaders) -> Result<Option<String>> {
        let Some(signer) = &self.signer else { return Ok(None) };
        let headers = [
            ("response-content-type", &answer.content_type),
            ("response-content-disposition", &answer.content_disposition),
        ];
        let query = headers.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let options = SignedUrlOptions::new().with_query(query);
        let url = signer.signed_url_opts(Method::GET, &self.blob(key), expires, &options).await;
        url.map(|url| Some(url.to_string())).map_err(fault::of_store)
    }
}
