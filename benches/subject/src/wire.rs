//! Clients that send requests one after the other and check that each was answered with 200 and 1 KB. They speak as much
//! HTTP as that takes.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use gibbon_testkit::h2::frame;

use crate::node::CONSUMERS;
use crate::node::ROUTES;

/// What wrk sends.
pub(crate) fn plain(_number: usize) -> String {
    "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n".to_owned()
}

/// As much as a browser behind a few proxies sends.
pub(crate) fn twenty_headers(_number: usize) -> String {
    let mut request = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
        Accept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, br\r\nCookie: session=0123456789abcdef\r\n"
        .to_owned();
    for number in 0..15 {
        request.push_str(&format!("X-Header-{number}: the value of header {number}\r\n"));
    }
    request + "\r\n"
}

/// One of the requests of `work`, spread over routes and consumers as in benches/run.
pub(crate) fn keyed(number: usize) -> String {
    let (host, path, key) = (number % 100, number / 100 % 10, number * 7 % CONSUMERS);
    format!("GET /api/v1/res{path}/items HTTP/1.1\r\nHost: svc{host}.example.com\r\napikey: key-{key:05}\r\n\r\n")
}

/// How a client speaks.
pub(crate) enum Client {
    Http1(Vec<String>),
    Http2,
}

impl Client {
    /// Returns a client that sends what `request` makes of 0, 1, 2 and so on.
    pub(crate) fn http1(request: fn(usize) -> String) -> Self {
        Self::Http1((0..ROUTES).map(request).collect())
    }

    /// Returns a client that speaks HTTP/2 from the start (prior knowledge).
    pub(crate) fn http2() -> Self {
        Self::Http2
    }

    /// Connects.
    pub(crate) fn connect(self, port: u16) -> anyhow::Result<Connection> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        if let Self::Http2 = &self {
            stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
            stream.write_all(&frame(4, 0, 0, &[]))?;
            stream.write_all(&frame(8, 0, 0, &0x7fff_0000u32.to_be_bytes()))?;
        }
        Ok(Connection { client: self, stream, buffer: vec![0; 64 * 1024], filled: 0, stream_id: 1 })
    }
}

/// A connection with the gateway.
pub(crate) struct Connection {
    client: Client,
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    stream_id: u32,
}

/// `:method: GET`, `:scheme: http`, `:path: /hello`, `:authority: 127.0.0.1:8000`, none of it to be remembered.
const H2_HEADERS: &[u8] = b"\x82\x86\x04\x06/hello\x01\x0e127.0.0.1:8000";

impl Connection {
    /// Sends a request and reads its answer.
    pub(crate) fn exchange(&mut self, number: usize) -> anyhow::Result<()> {
        match &self.client {
            Client::Http1(requests) => {
                self.stream.write_all(requests[number % requests.len()].as_bytes())?;
                self.read_http1()
            }
            Client::Http2 => {
                let headers = frame(1, 0x05, self.stream_id, H2_HEADERS);
                self.stream.write_all(&headers)?;
                self.read_http2()?;
                self.stream_id += 2;
                Ok(())
            }
        }
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let count = self.stream.read(&mut self.buffer[self.filled..])?;
        ensure!(count > 0, "the gateway closed the connection");
        self.filled += count;
        Ok(())
    }

    fn read_http1(&mut self) -> anyhow::Result<()> {
        self.filled = 0;
        let head = loop {
            self.read()?;
            if let Some(end) = self.buffer[..self.filled].windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = || String::from_utf8_lossy(&self.buffer[..head]);
        ensure!(self.buffer.starts_with(b"HTTP/1.1 200 "), "not answered: {}", text());
        while self.filled < head + 1024 {
            self.read()?;
        }
        ensure!(self.filled == head + 1024, "more than the answer");
        Ok(())
    }

    /// Reads frames until the stream ends, giving back the window for what came.
    fn read_http2(&mut self) -> anyhow::Result<()> {
        let mut body = 0;
        loop {
            while self.filled < 9 || self.filled < 9 + frame_length(&self.buffer) {
                self.read()?;
            }
            let (kind, flags, length) = (self.buffer[3], self.buffer[4], frame_length(&self.buffer));
            match kind {
                0 => body += length,
                4 if flags & 1 == 0 => self.stream.write_all(&frame(4, 1, 0, &[]))?,
                6 if flags & 1 == 0 => {
                    let opaque: [u8; 8] = self.buffer[9..17].try_into().context("a ping has 8 bytes")?;
                    self.stream.write_all(&frame(6, 1, 0, &opaque))?;
                }
                1 | 4 | 6 | 8 => {}
                other => bail!("frame of kind {other}"),
            }
            self.buffer.copy_within(9 + length..self.filled, 0);
            self.filled -= 9 + length;
            if kind <= 1 && flags & 1 == 1 {
                ensure!(body == 1024, "{body} bytes of body");
                return Ok(());
            }
        }
    }
}

fn frame_length(frame: &[u8]) -> usize {
    usize::from(frame[0]) << 16 | usize::from(frame[1]) << 8 | usize::from(frame[2])
}
