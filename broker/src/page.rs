//! The page behind `--status`: what the broker holds, for a browser and for programs. It answers one GET a connection,
//! on loopback only, and nothing that arrives can make it wait long or hold much.

mod api;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::shared::Shared;

/// One that is bound, to be served once the broker is there.
#[derive(Debug)]
pub(crate) struct Page {
    listener: TcpListener,
    address: SocketAddr,
}

/// How long a connection may take, from the first byte to the last.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many are answered at once; those above are cut.
const MOST: usize = 32;
/// The longest request that is listened to.
const LONGEST: usize = 8 << 10;

impl Page {
    pub(crate) async fn bind(address: &str) -> io::Result<Self> {
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host(address).await?.collect();
        if let Some(other) = addresses.iter().find(|address| !address.ip().is_loopback()) {
            let problem = format!("the status page has no login: {other} is not loopback");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let listener = TcpListener::bind(&*addresses).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers for as long as it is polled.
    pub(crate) async fn serve(self, shared: Arc<Shared>) {
        let places = Arc::new(Semaphore::new(MOST));
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Too many open files, say: asking again at once would only fail again.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                continue;
            };
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let _place = place;
                // Whoever does not get an answer has gone or is too slow.
                let _ = timeout(PATIENCE, answer(stream, &shared)).await;
            });
        }
    }
}

async fn answer(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut request = Vec::new();
    let mut limited = (&mut stream).take(LONGEST as u64);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if limited.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let response = respond(&request, shared);
    stream.write_all(&response).await?;
    stream.shutdown().await?;
    // A close with something unread would be a reset, which may overtake the answer.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

fn respond(request: &[u8], shared: &Shared) -> Vec<u8> {
    let request = match std::str::from_utf8(request) {
        Ok(request) if request.ends_with("\r\n\r\n") => request,
        _ => return response("400 Bad Request", TEXT, "This is not a request.\n", true),
    };
    let mut lines = request.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, path, version) = (words.next(), words.next(), words.next());
    let is_http = version.is_some_and(|version| version.starts_with("HTTP/1."));
    let (Some(method), Some(path), true) = (method, path, is_http) else {
        return response("400 Bad Request", TEXT, "This is not a request.\n", true);
    };
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let header = |wanted: &'static str| {
        let headers = headers.iter();
        let of_it = headers.filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        of_it.map(|(_, value)| value.trim())
    };
    // A page from elsewhere whose name is made to lead here must not read this one.
    if !header("host").all(is_here) {
        return response("403 Forbidden", TEXT, "Ask for 127.0.0.1.\n", true);
    }
    let body = match method {
        "GET" => true,
        "HEAD" => false,
        _ => return response("405 Method Not Allowed", TEXT, "There is only GET.\n", true),
    };
    let path = path.split('?').next().unwrap_or_default();
    if let Some(path) = path.strip_prefix(api::QUEUES) {
        let (status, json) = api::queue(path, header("authorization").next(), shared);
        return response(status, JSON, &json, body);
    }
    match path {
        "/" => response("200 OK", HTML, &html(&shared.status().to_string()), body),
        "/status.txt" => response("200 OK", TEXT, &shared.status().to_string(), body),
        "/status.json" => response("200 OK", JSON, &shared.status().to_json(), body),
        _ => {
            let text = "There are /, /status.txt and /status.json.\n";
            response("404 Not Found", TEXT, text, body)
        }
    }
}

fn is_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = |ip: std::net::IpAddr| ip.is_loopback();
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_loopback)
}

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

fn response(status: &str, kind: &str, text: &str, body: bool) -> Vec<u8> {
    let head = format!(
        "HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\r\n",
        text.len()
    );
    let mut response = head.into_bytes();
    if body {
        response.extend_from_slice(text.as_bytes());
    }
    response
}

fn html(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!(
        "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=2><title>leveret-broker</title>\
         <style>body{{font:14px monospace;margin:2em}}</style><h1>leveret-broker</h1>\
         <p><a href=status.json>JSON</a> <a href=status.txt>text</a></p><pre>{text}</pre>\n"
    )
}

#[cfg(test)]
mod tests;
