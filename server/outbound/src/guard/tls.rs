//! Whom the client trusts: the authorities that come with it, so that it works in a container without any, and those
//! that the system has, an operator's own among them.

use std::sync::{Arc, OnceLock};

use basalt_core::{Error, Result};
use rustls::{ClientConfig, RootCertStore};

pub(crate) fn config() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(Error::internal)?;
    Ok(builder.with_root_certificates(roots()).with_no_client_auth())
}

/// Read once: they are the same for all clients of a process, and some hundred files.
fn roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let read = || {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        // What can't be read is passed over: the ones above are there.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    };
    Arc::clone(ROOTS.get_or_init(read))
}
