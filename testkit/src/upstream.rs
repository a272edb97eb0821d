//! Upstreams that do as a test says: answer, be slow, close, talk nonsense.
//!
//! The friendly one is `gibbon echo`, started by [`crate::gateway::Echo`].

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// What an upstream received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// As sent.
    pub method: String,
    /// As sent.
    pub target: String,
    /// As sent, in order.
    pub headers: Vec<(String, String)>,
    /// Of requests with a `Content-Length`.
    pub body: Vec<u8>,
}

/// What an upstream does about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Writes these bytes and waits for the next request.
    Write(Vec<u8>),
    /// Writes these bytes and closes.
    WriteAndClose(Vec<u8>),
    /// Waits, then does the other thing.
    After(Duration, Box<Self>),
    /// Closes without an answer.
    Close,
}

impl Reaction {
    /// A 200 with this text.
    #[must_use]
    pub fn ok(text: &str) -> Self {
        Self::Write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()).into_bytes())
    }
}

/// A listener on a port of its own; every connection has a thread. It ends with the test's process.
#[derive(Debug)]
pub struct Upstream {
    port: u16,
}

impl Upstream {
    /// Starts an upstream that reacts to every request as `script` says.
    ///
    /// # Errors
    /// If no port can be had.
    pub fn start(script: impl Fn(&Received) -> Reaction + Send + Sync + 'static) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let script = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let script = Arc::clone(&script);
                // A peer that goes away ends its thread and nothing else.
                std::thread::spawn(move || serve(stream, &*script).ok());
            }
        });
        Ok(Self { port })
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn serve(stream: TcpStream, script: &dyn Fn(&Received) -> Reaction) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(received) = read(&mut reader)? {
        let mut reaction = script(&received);
        while let Reaction::After(wait, then) = reaction {
            std::thread::sleep(wait);
            reaction = *then;
        }
        match reaction {
            Reaction::Write(bytes) => reader.get_mut().write_all(&bytes)?,
            Reaction::WriteAndClose(bytes) => return reader.get_mut().write_all(&bytes),
            Reaction::Close | Reaction::After(..) => return Ok(()),
        }
    }
    Ok(())
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Received>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut lines = lines.into_iter();
    let start = lines.next().unwrap_or_default();
    let mut words = start.split(' ').map(str::to_owned);
    let mut received = Received {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        headers: lines
            .filter_map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned())))
            .collect(),
        body: Vec::new(),
    };
    let length = received.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if let Some(length) = length.and_then(|(_, value)| value.parse().ok()) {
        received.body = vec![0; length];
        reader.read_exact(&mut received.body)?;
    }
    Ok(Some(received))
}
