use std::path::PathBuf;

use basalt_core::{Code, Error, Result};

use super::{Bucket, Place};

type Names<'a> = &'a dyn Fn(&str) -> Option<String>;
type Settings = Vec<(&'static str, String)>;

/// What the environment may say of S3, and what `object_store` calls it.
const S3_NAMES: [(&str, &str); 11] = [
    ("AWS_ACCESS_KEY_ID", "aws_access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "aws_secret_access_key"),
    ("AWS_SESSION_TOKEN", "aws_session_token"),
    ("AWS_REGION", "aws_region"),
    ("AWS_DEFAULT_REGION", "aws_default_region"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "aws_web_identity_token_file"),
    ("AWS_ROLE_ARN", "aws_role_arn"),
    ("AWS_ROLE_SESSION_NAME", "aws_role_session_name"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "aws_container_credentials_relative_uri"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "aws_container_credentials_full_uri"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "aws_container_authorization_token_file"),
];
const GCS_NAMES: [(&str, &str); 2] = [
    ("GOOGLE_APPLICATION_CREDENTIALS", "google_application_credentials"),
    ("GOOGLE_SERVICE_ACCOUNT_KEY", "google_service_account_key"),
];
const AZURE_NAMES: [(&str, &str); 7] = [
    ("AZURE_STORAGE_ACCOUNT_NAME", "azure_storage_account_name"),
    ("AZURE_STORAGE_ACCOUNT_KEY", "azure_storage_account_key"),
    ("AZURE_STORAGE_SAS_TOKEN", "azure_storage_sas_token"),
    ("AZURE_CLIENT_ID", "azure_client_id"),
    ("AZURE_CLIENT_SECRET", "azure_client_secret"),
    ("AZURE_TENANT_ID", "azure_tenant_id"),
    ("AZURE_FEDERATED_TOKEN_FILE", "azure_federated_token_file"),
];

pub(super) fn place(text: &str, names: Names<'_>) -> Result<Place> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return local(text);
    };
    if scheme == "file" {
        return local(rest);
    }
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (name, prefix) = address.split_once('/').unwrap_or((address, ""));
    let (name, prefix) = (bucket_name(name)?, prefix_of(prefix)?);
    let bucket = |scheme| Bucket { scheme, name, prefix, endpoint: None, virtual_style: false, settings: Vec::new() };
    match scheme {
        "s3" => s3(bucket("s3"), query, names).map(Place::S3),
        "gs" => gcs(bucket("gs"), query, names).map(Place::Gcs),
        "az" => azure(bucket("az"), query, names).map(Place::Azure),
        _ => Err(refused("The place of files is a folder, or begins with s3://, gs:// or az://.")),
    }
}

fn local(path: &str) -> Result<Place> {
    if path.is_empty() || path.contains('\0') {
        return Err(refused("The folder of files has no name."));
    }
    Ok(Place::Local(PathBuf::from(path)))
}

fn s3(mut bucket: Bucket, query: &str, names: Names<'_>) -> Result<Bucket> {
    let mut style = None;
    bucket.settings = named(&S3_NAMES, names);
    bucket.endpoint = names("AWS_ENDPOINT_URL_S3").or_else(|| names("AWS_ENDPOINT_URL"));
    for (name, value) in parameters(query) {
        match name.as_str() {
            "endpoint" => bucket.endpoint = Some(value),
            "region" => set(&mut bucket.settings, "aws_region", value),
            "style" => style = Some(value),
            "key" => set(&mut bucket.settings, "aws_access_key_id", value),
            "secret" => set(&mut bucket.settings, "aws_secret_access_key", value),
            other => return Err(unknown(other)),
        }
    }
    // One's own server is rarely reached by names of buckets; a dot in the name doesn't fit AWS's certificate.
    let by_default = bucket.endpoint.is_none() && !bucket.name.contains('.');
    bucket.virtual_style = match style.as_deref() {
        None => by_default,
        Some("path") => false,
        Some("virtual") => true,
        Some(_) => return Err(refused("style is path or virtual.")),
    };
    bucket.endpoint = bucket.endpoint.as_deref().map(endpoint).transpose()?;
    Ok(bucket)
}

fn gcs(mut bucket: Bucket, query: &str, names: Names<'_>) -> Result<Bucket> {
    bucket.settings = named(&GCS_NAMES, names);
    for (name, value) in parameters(query) {
        match name.as_str() {
            "endpoint" => bucket.endpoint = Some(endpoint(&value)?),
            "anonymous" if value == "true" => set(&mut bucket.settings, "google_bearer_token", "anonymous".into()),
            other => return Err(unknown(other)),
        }
    }
    Ok(bucket)
}

fn azure(mut bucket: Bucket, query: &str, names: Names<'_>) -> Result<Bucket> {
    bucket.settings = named(&AZURE_NAMES, names);
    for (name, value) in parameters(query) {
        match name.as_str() {
            "endpoint" => bucket.endpoint = Some(endpoint(&value)?),
            "account" => set(&mut bucket.settings, "azure_storage_account_name", value),
            "key" => set(&mut bucket.settings, "azure_storage_account_key", value),
            other => return Err(unknown(other)),
        }
    }
    if !bucket.settings.iter().any(|(name, _)| *name == "azure_storage_account_name") {
        return Err(refused("Azure needs an account: ?account=NAME, or AZURE_STORAGE_ACCOUNT_NAME."));
    }
    Ok(bucket)
}

fn named(known: &[(&str, &'static str)], names: Names<'_>) -> Settings {
    let filled = |name: &str| names(name).filter(|value| !value.is_empty());
    known.iter().filter_map(|(name, setting)| Some((*setting, filled(name)?))).collect()
}

fn set(settings: &mut Settings, name: &'static str, value: String) {
    settings.retain(|(set, _)| *set != name);
    settings.push((name, value));
}

fn parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned()))
}

fn bucket_name(name: &str) -> Result<String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=222).contains(&name.len()) && name.bytes().all(good) && name.bytes().any(|b| b != b'.') {
        return Ok(name.to_owned());
    }
    Err(refused("A bucket's name has letters, digits, -, _ and dots."))
}

fn prefix_of(text: &str) -> Result<String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let prefix = text.trim_end_matches('/');
    let segment = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(good);
    if prefix.is_empty() || (prefix.len() <= 256 && prefix.split('/').all(segment)) {
        return Ok(prefix.to_owned());
    }
    Err(refused("A prefix has letters, digits, -, _ and dots, in segments parted by /."))
}

/// `http(s)://host[:port][/path]` and nothing that could carry a credential.
fn endpoint(text: &str) -> Result<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic() && !b"@?#".contains(&b));
    if rest.is_some_and(plain) {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    Err(refused("An endpoint is http:// or https://, a host, and perhaps a port and a path."))
}

fn unknown(name: &str) -> Error {
    refused(&format!("The place of files has no parameter {name:?}."))
}

fn refused(detail: &str) -> Error {
    Error::new(Code::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn bucket(text: &str) -> Bucket {
        match place(text, &nothing).unwrap() {
            Place::Local(path) => panic!("{path:?}"),
            Place::S3(bucket) | Place::Gcs(bucket) | Place::Azure(bucket) => bucket,
        }
    }

    #[test]
    fn a_path_is_a_folder() {
        for text in ["/srv/files", "file:///srv/files"] {
            assert!(matches!(place(text, &nothing).unwrap(), Place::Local(path) if path == *"/srv/files"));
        }
        assert!(matches!(place("./data/files", &nothing).unwrap(), Place::Local(_)));
    }

    #[test]
    fn a_bucket_has_a_prefix_an_endpoint_and_a_style() {
        let plain = bucket("s3://photos/a/b/");
        assert_eq!((plain.name.as_str(), plain.prefix.as_str(), plain.virtual_style), ("photos", "a/b", true));
        assert!(!bucket("s3://my.photos").virtual_style);
        let own = bucket("s3://photos?endpoint=http://127.0.0.1:9000/&region=eu-1");
        assert_eq!(own.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert!(own.plain_http() && !own.virtual_style);
        assert!(bucket("s3://photos?endpoint=https://s3.example&style=virtual").virtual_style);
        assert!(bucket("gs://photos?anonymous=true").settings.iter().any(|(name, _)| *name == "google_bearer_token"));
        assert_eq!(bucket("az://photos?account=me").settings.len(), 1);
    }

    #[test]
    fn odd_places_are_refused() {
        for text in [
            "",
            "ftp://x",
            "s3://",
            "s3://../x",
            "s3://a/../b",
            "s3://a?endpoint=localhost",
            "s3://a?endpoint=http://u:p@host",
            "s3://a?style=x",
            "s3://a?color=red",
            "az://a",
            "gs://a?anonymous=maybe",
        ] {
            assert!(place(text, &nothing).is_err(), "{text:?}");
        }
    }

    #[test]
    fn credentials_come_from_the_names_and_are_never_shown() {
        let names = |name: &str| matches!(name, "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY").then(|| "canary".into());
        let place = place("s3://photos?secret=canary2", &names).unwrap();
        let shown = format!("{place} {place:?} {place:#?}");
        assert!(!shown.contains("canary"), "{shown}");
        let Place::S3(bucket) = place else { panic!() };
        assert!(bucket.settings.contains(&("aws_access_key_id", "canary".into())));
        assert!(bucket.settings.contains(&("aws_secret_access_key", "canary2".into())));
    }
}
