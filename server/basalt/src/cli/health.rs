//! `basalt health`: whether a server is ready, asked over HTTP like a load balancer does. For containers, whose images
//! hold no other tool for it; a connection of the standard library is all that it takes.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use basalt_core::{Code, Error, Result};
use serde_json::json;

use super::arguments::Health;
use super::output::Output;
use crate::configuration::Configuration;

const PATIENCE: Duration = Duration::from_secs(2);
/// Of an answer, which is a line.
const MOST_BYTES: u64 = 16 * 1024;

pub(super) fn run(command: &Health, configuration: &Configuration, output: &Output) -> Result<()> {
    let (address, host) = match &command.url {
        Some(url) => resolve(url)?,
        None => own(configuration.listen),
    };
    let answer = ask(address, &host).map_err(|error| not_ready(format!("{host}: {error}.")))?;
    if status(&answer) != Some(200) {
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body.trim());
        return Err(not_ready(format!("{host} is not ready: {body}")));
    }
    output.result(&json!({ "ready": true, "host": host }), || format!("{host} is ready"));
    Ok(())
}

/// The server of this configuration; one that listens everywhere listens here, too.
fn own(listen: SocketAddr) -> (SocketAddr, String) {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(ip, listen.port());
    (address, address.to_string())
}

/// `http://HOST[:PORT]`, with nothing behind it.
fn resolve(url: &str) -> Result<(SocketAddr, String)> {
    let bad = || Error::new(Code::BadRequest, format!("{url} is not such as http://127.0.0.1:7070."));
    let host = url.strip_prefix("http://").ok_or_else(bad)?.trim_end_matches('/');
    if host.is_empty() || host.contains(|c: char| c == '/' || c == '@' || c.is_whitespace() || c.is_control()) {
        return Err(bad());
    }
    let named_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let with_port = if named_port { host.to_owned() } else { format!("{host}:80") };
    let mut addresses = with_port.to_socket_addrs().map_err(|error| not_ready(format!("{host}: {error}.")))?;
    Ok((addresses.next().ok_or_else(bad)?, host.to_owned()))
}

fn ask(address: SocketAddr, host: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /health/ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(MOST_BYTES).read_to_string(&mut answer)?;
    Ok(answer)
}

fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

fn not_ready(detail: String) -> Error {
    Error::new(Code::Unavailable, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_here() {
        assert_eq!(own("0.0.0.0:7070".parse().unwrap()).1, "127.0.0.1:7070");
        assert_eq!(own("[::]:7070".parse().unwrap()).1, "[::1]:7070");
        assert_eq!(own("192.0.2.1:80".parse().unwrap()).1, "192.0.2.1:80");
    }

    #[test]
    fn only_plain_addresses_are_asked() {
        assert_eq!(resolve("http://127.0.0.1:7070/").unwrap().1, "127.0.0.1:7070");
        assert_eq!(resolve("http://127.0.0.1").unwrap().0.port(), 80);
        for bad in ["https://a.org", "127.0.0.1:7070", "http://", "http://a/b", "http://u@a", "http://a\r\nX: y"] {
            assert!(resolve(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(status("HTTP/1.1 200 OK\r\n\r\n"), Some(200));
        assert_eq!(status("HTTP/1.1 503 Service Unavailable\r\n"), Some(503));
        assert_eq!(status("SSH-2.0"), None);
    }
}
