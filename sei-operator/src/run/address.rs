//! Addresses to listen on, as flags have them.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::str::FromStr;

/// Where to listen, if anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BindAddress {
    /// `0`: nowhere.
    Off,
    /// `:PORT`: on every address of the machine.
    Everywhere(u16),
    /// `HOST:PORT`.
    On(String, u16),
}

impl BindAddress {
    /// Listens; nothing when the address is off.
    ///
    /// # Errors
    /// When the port is taken, or the address is not ours.
    pub(super) fn bind(&self) -> io::Result<Option<TcpListener>> {
        match self {
            Self::Off => Ok(None),
            Self::On(host, port) => TcpListener::bind((host.as_str(), *port)).map(Some),
            Self::Everywhere(port) => {
                let both = TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port));
                match both {
                    Err(error) if !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
                        // A machine without IPv6.
                        TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).map(Some)
                    }
                    Ok(_) | Err(_) => both.map(Some),
                }
            }
        }
    }
}

impl FromStr for BindAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "0" {
            return Ok(Self::Off);
        }
        let split = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let Some((host, port)) = split else {
            return Err("write HOST:PORT, :PORT for every address, or 0 to switch it off".to_owned());
        };
        if host.is_empty() {
            return Ok(Self::Everywhere(port));
        }
        let host = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
        Ok(Self::On(host.to_owned(), port))
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("0"),
            Self::Everywhere(port) => write!(f, ":{port}"),
            Self::On(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::On(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn addresses_are_read_as_go_reads_them() {
        for (text, address) in [
            ("0", BindAddress::Off),
            (":8080", BindAddress::Everywhere(8080)),
            (":0", BindAddress::Everywhere(0)),
            ("127.0.0.1:8081", BindAddress::On("127.0.0.1".to_owned(), 8081)),
            ("localhost:1", BindAddress::On("localhost".to_owned(), 1)),
            ("[::1]:8080", BindAddress::On("::1".to_owned(), 8080)),
        ] {
            assert_eq!(text.parse(), Ok(address.clone()), "{text}");
            assert_eq!(address.to_string(), text);
        }
        for text in ["", "8080", "localhost", "localhost:", ":http", ":70000", "off"] {
            assert!(text.parse::<BindAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_has_one_listener() {
        assert!(BindAddress::Off.bind().unwrap().is_none());
        let listener = BindAddress::Everywhere(0).bind().unwrap().unwrap();
        let taken = BindAddress::Everywhere(listener.local_addr().unwrap().port());
        assert_eq!(taken.bind().unwrap_err().kind(), ErrorKind::AddrInUse);
    }
}
