//! The keys of the test control plane: a certificate authority, the API server's certificate, and the key that signs
//! service account tokens. Made afresh for every run; they protect nothing.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Where the files are.
pub(crate) struct Certificates {
    pub(crate) authority: PathBuf,
    pub(crate) server_certificate: PathBuf,
    pub(crate) server_key: PathBuf,
    pub(crate) token_key: PathBuf,
    pub(crate) token_public_key: PathBuf,
}

impl Certificates {
    /// Writes all files into `dir`. The server's certificate is not self-signed: rustls refuses a certificate
    /// authority as a server (`CaUsedAsEndEntity`).
    pub(crate) fn create(dir: &Path) -> Self {
        let authority = authority();
        let server_key = KeyPair::generate().expect("a key");
        let server = server_parameters().signed_by(&server_key, &authority).expect("a certificate");
        let token_key = KeyPair::generate().expect("a key");
        let write = |name: &str, text: String| {
            let path = dir.join(name);
            std::fs::write(&path, text).expect("the directory is ours");
            path
        };
        Certificates {
            authority: write("ca.crt", authority.pem()),
            server_certificate: write("server.crt", server.pem()),
            server_key: write("server.key", server_key.serialize_pem()),
            token_key: write("token.key", token_key.serialize_pem()),
            token_public_key: write("token.pub", token_key.public_key_pem()),
        }
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, "test control plane");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key")).expect("a certificate")
}

fn server_parameters() -> CertificateParams {
    let names = ["127.0.0.1", "localhost", "kubernetes"].map(str::to_owned);
    let mut parameters = CertificateParams::new(names).expect("valid names");
    parameters.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    parameters
}
