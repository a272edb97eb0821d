//! An HTTP/1.1 client that sends the bytes it is given and says exactly what came back.
//!
//! It follows no redirect, pools nothing and mends nothing: tests of a gateway want to see everything.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;

const PATIENCE: Duration = Duration::from_secs(15);

/// What came back for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code of the final answer.
    pub status: u16,
    /// The reason phrase, as sent.
    pub reason: String,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Status codes of interim answers (1xx) that came before.
    pub interim: Vec<u16>,
}

impl Answer {
    /// Returns the first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text, odd bytes replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }
}

/// A request to be written as HTTP/1.1.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, as sent.
    pub method: String,
    /// The request-target, as sent.
    pub target: String,
    /// Sent in this order and letter case, after `Host` (unless one is among them).
    pub headers: Vec<(String, String)>,
    /// Sent with a `Content-Length` when not empty.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without body.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a JSON body and its type.
    #[must_use]
    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("Content-Type", "application/json")
    }

    /// The bytes on the wire; `port` is for the `Host` header.
    #[must_use]
    pub fn bytes(&self, port: u16) -> Vec<u8> {
        let has = |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !has("host") {
            head += &format!("Host: 127.0.0.1:{port}\r\n");
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let bodiless = matches!(self.method.as_str(), "GET" | "HEAD" | "DELETE" | "OPTIONS" | "TRACE");
        if !has("content-length") && !has("transfer-encoding") && (!self.body.is_empty() || !bodiless) {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    reader: BufReader<TcpStream>,
    port: u16,
}

impl Connection {
    /// Connects to a port of this machine.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn open(port: u16) -> anyhow::Result<Self> {
        Self::open_from(Ipv4Addr::LOCALHOST.into(), port)
    }

    /// Connects from a given local address, such as 127.0.0.5.
    ///
    /// # Errors
    /// If nobody listens there, or the address is not ours.
    pub fn open_from(source: IpAddr, port: u16) -> anyhow::Result<Self> {
        let target: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
        let socket = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
        // Where the system may choose, it chooses a port that is free for this target, of which there are many more.
        if source != Ipv4Addr::LOCALHOST {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        socket.connect(&target.into()).with_context(|| format!("cannot connect to port {port}"))?;
        socket.set_tcp_nodelay(true)?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { reader: BufReader::new(stream), port })
    }

    /// Sends a request and reads its answer; the connection can be used again if the peer keeps it.
    ///
    /// # Errors
    /// If the peer closes, is silent for 15 s, or does not speak HTTP/1.
    pub fn exchange(&mut self, request: &Request) -> anyhow::Result<Answer> {
        self.send(&request.bytes(self.port))?;
        self.answer(&request.method)
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// If the peer closed.
    pub fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.reader.get_mut().write_all(bytes)?)
    }

    /// Reads one final answer to a request of that method, and the interim ones before it.
    ///
    /// # Errors
    /// As [`Self::exchange`].
    pub fn answer(&mut self, method: &str) -> anyhow::Result<Answer> {
        let mut interim = Vec::new();
        loop {
            let mut answer = self.head()?;
            if answer.status / 100 == 1 && answer.status != 101 {
                interim.push(answer.status);
                continue;
            }
            answer.interim = interim;
            if method != "HEAD" && !matches!(answer.status, 101 | 204 | 304) {
                answer.body = self.body(&answer)?;
            }
            return Ok(answer);
        }
    }

    /// Reads until the peer closes.
    ///
    /// # Errors
    /// If the peer is silent for 15 s, or resets.
    pub fn rest(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Tells whether the peer keeps the connection open and has said nothing that was not asked for.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let stream = self.reader.get_ref();
        let peek = || {
            stream.set_nonblocking(true)?;
            let peeked = stream.peek(&mut [0]);
            stream.set_nonblocking(false)?;
            peeked
        };
        self.reader.buffer().is_empty() && peek().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = Vec::new();
        if self.reader.read_until(b'\n', &mut line)? == 0 {
            bail!("the peer closed the connection");
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        let Some(text) = text.strip_suffix("\r\n") else { bail!("a line without CRLF: {text:?}") };
        Ok(text.to_owned())
    }

    fn head(&mut self) -> anyhow::Result<Answer> {
        let start = self.line()?;
        let mut words = start.splitn(3, ' ');
        let (Some(version), Some(status), reason) = (words.next(), words.next(), words.next()) else {
            bail!("not a status line: {start:?}");
        };
        if !version.starts_with("HTTP/1.") {
            bail!("not HTTP/1: {start:?}");
        }
        let mut answer = Answer {
            status: status.parse().with_context(|| format!("not a status: {start:?}"))?,
            reason: reason.unwrap_or_default().to_owned(),
            ..Answer::default()
        };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(answer);
            }
            let Some((name, value)) = line.split_once(':') else { bail!("not a header: {line:?}") };
            answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn body(&mut self, answer: &Answer) -> anyhow::Result<Vec<u8>> {
        if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return self.chunks();
        }
        let Some(length) = answer.header("content-length") else { return self.rest() };
        let mut body = vec![0; length.parse().with_context(|| format!("not a length: {length:?}"))?];
        self.reader.read_exact(&mut body)?;
        Ok(body)
    }

    fn chunks(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).with_context(|| format!("not a chunk size: {line:?}"))?;
            if size == 0 {
                // Trailers are read and left out.
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            let start = body.len();
            body.resize(start + size, 0);
            self.reader.read_exact(&mut body[start..])?;
            let end = self.line()?;
            if !end.is_empty() {
                bail!("a chunk is longer than it says: {end:?}");
            }
        }
    }
}

/// Sends one request on a connection of its own.
///
/// # Errors
/// As [`Connection::open`] and [`Connection::exchange`].
pub fn send(port: u16, request: &Request) -> anyhow::Result<Answer> {
    Connection::open(port)?.exchange(request)
}
