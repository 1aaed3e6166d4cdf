//! Whom the client trusts: the authorities that come with it, so that it works in a container without any, and those
//! that the system has, an operator's own among them.

use std::sync::{Arc, OnceLock};

use basalt_core::{Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

pub(crate) fn config() -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(Error::internal)?;
    // Dangerous is who trusts everybody; this one asks webpki, as the default does.
    let verifier = Arc::new(Trust { provider });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Webpki's verifier, with the authorities read when a first server has to be verified: they are some hundred files,
/// which a start shouldn't wait for.
#[derive(Debug)]
struct Trust {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        verifier(&self.provider)?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Made once: it is the same for all clients of a process.
fn verifier(provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    static VERIFIER: OnceLock<Arc<WebPkiServerVerifier>> = OnceLock::new();
    if let Some(made) = VERIFIER.get() {
        return Ok(Arc::clone(made));
    }
    let made = WebPkiServerVerifier::builder_with_provider(Arc::new(roots()), Arc::clone(provider)).build();
    let made = made.map_err(|error| CertificateError::Other(OtherError(Arc::new(error))))?;
    Ok(Arc::clone(VERIFIER.get_or_init(|| made)))
}

fn roots() -> RootCertStore {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // What can't be read is passed over: the ones above are there.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::pem::PemObject;

    use super::*;

    /// Of `localhost`, by itself, for a hundred years.
    const SELF_SIGNED: &str = "\
-----BEGIN CERTIFICATE-----
MIIBtjCCAVygAwIBAgIUMFXsZGRyNttH5p+Lh3g560VCrqgwCgYIKoZIzj0EAwIw
JjEkMCIGA1UEAwwbTm9ib2R5IHZvdWNoZXMgZm9yIHRoaXMgb25lMCAXDTI2MTEy
NzE0MDUzM1oYDzIxMjYxMTAzMTQwNTMzWjAmMSQwIgYDVQQDDBtOb2JvZHkgdm91
Y2hlcyBmb3IgdGhpcyBvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATLKW2i
Lhpyu9hYpc2aLe/ISrrlbS1Oq2fWUepFbIjDUEy+NoG7cGjm7cceYZFYyttstfWV
CIAKrDOLrW+tF7H5o2YwZDAdBgNVHQ4EFgQUnm1HHaJFoAN/tJG7lrZuAh5mjdAw
HwYDVR0jBBgwFoAUnm1HHaJFoAN/tJG7lrZuAh5mjdAwFAYDVR0RBA0wC4IJbG9j
YWxob3N0MAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0EAwIDSAAwRQIgH1K72rOQlu7g
n+f4nzVhEur85z//al3Hq8N+P6U8xdcCIQDb1IPtVQWpCY2gkigrh2OqONqyg+Eg
NHNkG1r1iEmtGg==
-----END CERTIFICATE-----";

    #[test]
    fn a_server_that_nobody_vouches_for_is_refused() {
        let trust = Trust { provider: Arc::new(ring::default_provider()) };
        let certificate = CertificateDer::from_pem_slice(SELF_SIGNED.as_bytes()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_hours(500_000));
        let verified = trust.verify_server_cert(&certificate, &[], &"localhost".try_into().unwrap(), &[], now);
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert_eq!(verified.map(drop), Err(unknown));
        assert!(!trust.supported_verify_schemes().is_empty());
    }
}
