//! Certificates for tests of `amqps://`, made when they are needed: a checked-in certificate expires one day.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};

/// PEM files of one certificate authority and what it has signed.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The authority's own certificate.
    pub ca: PathBuf,
    /// The server's certificate, for `localhost` and `127.0.0.1`.
    pub server_cert: PathBuf,
    /// The server's key.
    pub server_key: PathBuf,
    /// A client certificate whose common name is `leveret-client`.
    pub client_cert: PathBuf,
    /// The client's key, PKCS #8.
    pub client_key: PathBuf,
}

impl Certificates {
    /// Makes an authority, a server's and a client's certificate and writes them into `folder`.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn generate(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let write = |name: &str, pem: String| {
            let path = folder.join(name);
            fs::write(&path, pem).map(|()| path)
        };

        let mut params = params(&[], "Leveret test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let ca = params.self_signed(&key).map_err(io::Error::other)?;
        let issuer = Issuer::new(params, key);

        let names = ["localhost", "127.0.0.1"];
        let (server_cert, server_key) = signed(
            &issuer,
            &names,
            "localhost",
            ExtendedKeyUsagePurpose::ServerAuth,
        )?;
        let (client_cert, client_key) = signed(
            &issuer,
            &[],
            "leveret-client",
            ExtendedKeyUsagePurpose::ClientAuth,
        )?;
        Ok(Self {
            ca: write("ca.pem", ca.pem())?,
            server_cert: write("server.pem", server_cert)?,
            server_key: write("server.key", server_key)?,
            client_cert: write("client.pem", client_cert)?,
            client_key: write("client.key", client_key)?,
        })
    }
}

fn params(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names that are valid in a certificate");
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

fn signed(
    issuer: &Issuer<'_, KeyPair>,
    names: &[&str],
    common_name: &str,
    usage: ExtendedKeyUsagePurpose,
) -> io::Result<(String, String)> {
    let mut params = params(names, common_name);
    params.extended_key_usages.push(usage);
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let cert = params.signed_by(&key, issuer).map_err(io::Error::other)?;
    Ok((cert.pem(), key.serialize_pem()))
}
