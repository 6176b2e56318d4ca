//! The HTTP client of sidecars against a real TLS server: whose certificate it accepts, and what token it shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sei_tasks::http::HttpSidecar;
use sei_tasks::world::{Address, Sidecar, SidecarError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A TLS server that answers every request alike, and remembers them.
struct Server {
    url: String,
    certificate: Vec<u8>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn answering(code: &'static str, versions: &[&'static rustls::SupportedProtocolVersion]) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["rpc-0-0.rpc-0.nodes.svc.cluster.local".to_owned()]).unwrap();
        let certificate = cert.der().to_vec();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let Ok(mut connection) = acceptor.accept(connection).await else { continue };
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let mut buffer = vec![0; 16 * 1024];
                    while let Ok(read @ 1..) = connection.read(&mut buffer).await {
                        seen.lock().unwrap().push(String::from_utf8_lossy(&buffer[..read]).into_owned());
                        let answer = format!("HTTP/1.1 {code}\r\nContent-Length: 0\r\n\r\n");
                        connection.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        Self { url, certificate, requests }
    }

    fn address(&self) -> Address {
        Address { url: self.url.clone(), pinned: Some(self.certificate.clone()) }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn token(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn client(token: &Path) -> HttpSidecar {
    HttpSidecar::new(None, token.to_owned())
}

#[tokio::test]
async fn the_pinned_certificate_is_accepted_and_the_token_is_shown() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let server = Server::answering("200 OK", &[version]).await;
        let file = token("a-token\n");
        let client = client(file.path());
        assert_eq!(client.healthz(&server.address()).await, Ok(true));
        assert_eq!(client.healthz(&server.address()).await, Ok(true));
        let requests = server.requests();
        assert_eq!(requests.len(), 2);
        assert!(requests.iter().all(|request| request.contains("authorization: Bearer a-token\r\n")), "{requests:?}");
    }
}

#[tokio::test]
async fn any_other_certificate_is_refused_and_gets_no_token() {
    let server = Server::answering("200 OK", rustls::ALL_VERSIONS).await;
    let other = Server::answering("200 OK", rustls::ALL_VERSIONS).await;
    let file = token("a-token");
    for pinned in [Some(other.certificate.clone()), None] {
        let at = Address { pinned, ..server.address() };
        let answer = client(file.path()).healthz(&at).await;
        assert!(matches!(answer, Err(SidecarError::Untrusted(_))), "{answer:?}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

/// A renewed certificate: the same address, another pin.
#[tokio::test]
async fn a_renewed_pin_opens_a_connection_of_its_own() {
    let server = Server::answering("200 OK", rustls::ALL_VERSIONS).await;
    let file = token("a-token");
    let client = client(file.path());
    let old = Address { pinned: Some(vec![1, 2, 3]), ..server.address() };
    assert!(client.healthz(&old).await.is_err());
    assert_eq!(client.healthz(&server.address()).await, Ok(true));
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let server = Server::answering("200 OK", rustls::ALL_VERSIONS).await;
    let empty = token(" \n");
    for (file, what) in [(Path::new("/does/not/exist"), "/does/not/exist"), (empty.path(), "is empty")] {
        let answer = client(file).healthz(&server.address()).await;
        assert!(matches!(&answer, Err(SidecarError::Unreachable(why)) if why.contains(what)), "{answer:?}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

/// A token that is refused is read anew for the next call, and never before its time otherwise.
#[tokio::test]
async fn a_refused_token_is_read_again() {
    let accepts = Server::answering("200 OK", rustls::ALL_VERSIONS).await;
    let refuses = Server::answering("401 Unauthorized", rustls::ALL_VERSIONS).await;
    let file = token("first");
    let client = client(file.path());
    assert_eq!(client.healthz(&accepts.address()).await, Ok(true));
    std::fs::write(file.path(), "second").unwrap();
    assert_eq!(client.healthz(&accepts.address()).await, Ok(true));
    let refused = client.healthz(&refuses.address()).await;
    assert!(matches!(refused, Err(SidecarError::Unexpected { code: 401, .. })), "{refused:?}");
    assert_eq!(client.healthz(&accepts.address()).await, Ok(true));
    let tokens: Vec<bool> = accepts.requests().iter().map(|request| request.contains("Bearer second\r\n")).collect();
    assert_eq!(tokens, [false, false, true]);
}

/// An address that stands for all of them: the call goes there, and the certificate of the node that is meant is asked for.
#[tokio::test]
async fn tls_is_kept_on_the_way_through_another_address() {
    let server = Server::answering("200 OK", rustls::ALL_VERSIONS).await;
    let file = token("a-token");
    let via = server.address().url.parse().unwrap();
    let client = HttpSidecar::new(Some(via), file.path().to_owned());
    let at = Address { url: "https://rpc-0-0.rpc-0.nodes.svc.cluster.local:8443".to_owned(), ..server.address() };
    assert_eq!(client.healthz(&at).await, Ok(true));
    let other = Address { pinned: Some(vec![1, 2, 3]), ..at };
    assert!(matches!(client.healthz(&other).await, Err(SidecarError::Untrusted(_))));
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].contains("host: rpc-0-0.rpc-0.nodes.svc.cluster.local:8443\r\n"), "{requests:?}");
}
