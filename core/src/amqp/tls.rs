//! TLS by rustls: the system's trust anchors, more of them on request, a client certificate.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::TlsOptions;
use crate::error::{Code, Error, Executed};

pub(crate) type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// What these options trust and present.
pub(crate) fn connector(options: &TlsOptions) -> Result<TlsConnector, Error> {
    Ok(TlsConnector::from(Arc::new(config(options)?)))
}

/// What a certificate of this host is made out to.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(host.to_owned())
        .map_err(|error| refused("the host is no name that a certificate can have", error))
}

fn config(options: &TlsOptions) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    // A machine without a trust store is fine as long as the user brings a CA.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for pem in &options.extra_ca {
        for certificate in certificates(pem, "the extra CA")? {
            roots
                .add(certificate)
                .map_err(|error| refused("the extra CA is no CA certificate", error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused("the TLS versions cannot be set", error))?
        .with_root_certificates(roots);
    match &options.identity {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|error| refused("the client key is no PEM private key", error))?;
            builder
                .with_client_auth_cert(certificates(chain, "the client certificate")?, key)
                .map_err(|error| refused("the client certificate and key do not fit", error))
        }
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refused(&format!("{what} is no PEM certificate"), error))?;
    if certificates.is_empty() {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("{what} holds no PEM certificate"),
        )
        .with_executed(Executed::No));
    }
    Ok(certificates)
}

fn refused(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Code::InvalidArgument, format!("TLS: {what}"))
        .with_executed(Executed::No)
        .with_source(error)
}
