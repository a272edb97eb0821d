//! Upstreams that do as a test says: answer, be slow, close, talk nonsense.
//!
//! The friendly one is `gibbon echo`, started by [`crate::gateway::Echo`].

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;

use crate::eventually;

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
    /// Writes these bytes and resets the connection.
    Reset(Vec<u8>),
}

impl Reaction {
    /// A 200 with this text.
    #[must_use]
    pub fn ok(text: &str) -> Self {
        Self::Write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()).into_bytes())
    }
}

/// A listener on a port of its own; every connection has a thread. It ends with the test's process, or when it dies.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    life: Arc<Life>,
}

/// Whether an upstream lives, and what it has to close when it dies.
#[derive(Debug, Default)]
struct Life {
    is_over: AtomicBool,
    open: Mutex<Vec<Weak<TcpStream>>>,
}

impl Upstream {
    /// Starts an upstream that reacts to every request as `script` says.
    ///
    /// # Errors
    /// If no port can be had.
    pub fn start(script: impl Fn(&Received) -> Reaction + Send + Sync + 'static) -> anyhow::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), script)
    }

    /// The same at a given address, such as that of an upstream that has died.
    ///
    /// # Errors
    /// If the address is taken.
    pub fn start_at(
        address: SocketAddr,
        script: impl Fn(&Received) -> Reaction + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let upstream = Self { address: listener.local_addr()?, life: Arc::default() };
        let (script, life) = (Arc::new(script), Arc::clone(&upstream.life));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if life.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let stream = Arc::new(stream);
                let mut open = life.open();
                open.retain(|stream| stream.strong_count() > 0);
                open.push(Arc::downgrade(&stream));
                let script = Arc::clone(&script);
                // A peer that goes away ends its thread and nothing else.
                std::thread::spawn(move || serve(&stream, &*script).ok());
            }
        });
        Ok(upstream)
    }

    /// How many connections are open at both ends.
    #[must_use]
    pub fn open(&self) -> usize {
        self.life.open().iter().filter_map(Weak::upgrade).filter(|stream| is_open(stream)).count()
    }

    /// Closes the listener and cuts all connections, as the end of its process would.
    ///
    /// # Errors
    /// If it could not be told to.
    pub fn die(self) -> anyhow::Result<SocketAddr> {
        self.life.is_over.store(true, Ordering::SeqCst);
        // Wakes the listener's thread.
        TcpStream::connect(self.address)?;
        for stream in self.life.open().iter().filter_map(Weak::upgrade) {
            stream.shutdown(Shutdown::Both).ok();
        }
        eventually(Duration::from_secs(5), || TcpStream::connect(self.address).is_err().then_some(()))
            .context("the upstream still listens")?;
        Ok(self.address)
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Life {
    fn open(&self) -> MutexGuard<'_, Vec<Weak<TcpStream>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether the peer still holds a connection, without disturbing whoever reads from it.
fn is_open(stream: &TcpStream) -> bool {
    /// Linux's `MSG_PEEK | MSG_DONTWAIT`.
    const LOOK: i32 = 0x2 | 0x40;
    match socket2::SockRef::from(stream).recv_with_flags(&mut [MaybeUninit::uninit()], LOOK) {
        Ok(count) => count > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

fn serve(mut stream: &TcpStream, script: &dyn Fn(&Received) -> Reaction) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(received) = read(&mut reader)? {
        let mut reaction = script(&received);
        while let Reaction::After(wait, then) = reaction {
            std::thread::sleep(wait);
            reaction = *then;
        }
        match reaction {
            Reaction::Write(bytes) => stream.write_all(&bytes)?,
            Reaction::WriteAndClose(bytes) => return stream.write_all(&bytes),
            Reaction::Reset(bytes) => {
                stream.write_all(&bytes)?;
                return socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
            Reaction::Close | Reaction::After(..) => return Ok(()),
        }
    }
    Ok(())
}

fn read(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Received>> {
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
