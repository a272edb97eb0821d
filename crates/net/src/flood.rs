//! Counts the HTTP/2 frames of a client that cost us work and it nothing: resets (CVE-2023-44487), PING, SETTINGS, empty DATA
//! and the like. It reads frame headers as they pass and understands nothing else; what is wrong with frames is crate `h2`'s
//! business, also CONTINUATION without end, which it refuses.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::clock;
use crate::gather::Gathered;

/// The time that counts are for, in milliseconds.
const WINDOW: u64 = 10_000;
/// What comes before the first frame (RFC 9113 §3.4).
const PREFACE: usize = 24;
/// A frame's header (RFC 9113 §4.1).
const HEADER: usize = 9;
/// Bytes of traffic that allow for one more frame without content: window updates come with data.
const BYTES_A_FRAME: u64 = 1024;

/// What a client may send in ten seconds; 0 is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    pub(crate) resets: u32,
    pub(crate) control: u32,
}

/// What a connection has sent in the window that runs.
#[derive(Debug)]
pub(crate) struct Flood {
    allowed: Allowed,
    since: Cell<u64>,
    resets: Cell<u32>,
    control: Cell<u32>,
    bytes: Cell<u64>,
    is_over: Cell<bool>,
}

impl Flood {
    pub(crate) fn new(allowed: Allowed) -> Rc<Self> {
        Rc::new(Self {
            allowed,
            since: Cell::new(clock::recent()),
            resets: Cell::default(),
            control: Cell::default(),
            bytes: Cell::default(),
            is_over: Cell::default(),
        })
    }

    /// Tells whether the client has sent more than is allowed; nothing more is read from it then.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over.get()
    }

    fn frame(&self, length: usize, kind: u8, flags: u8) {
        const END_STREAM: u8 = 1;
        match kind {
            // DATA.
            0 if length > 0 || flags & END_STREAM != 0 => self.bytes.set(self.bytes.get() + length as u64),
            // HEADERS and its CONTINUATION: streams are counted elsewhere.
            1 | 9 => {}
            // RST_STREAM.
            3 => self.count(&self.resets, || u64::from(self.allowed.resets)),
            _ => self.count(&self.control, || match self.allowed.control {
                0 => 0,
                control => u64::from(control) + self.bytes.get() / BYTES_A_FRAME,
            }),
        }
    }

    fn count(&self, counter: &Cell<u32>, most: impl Fn() -> u64) {
        counter.set(counter.get() + 1);
        if most() == 0 || u64::from(counter.get()) <= most() {
            return;
        }
        // The clock is read only now: a window that is over needs no end before somebody has sent much.
        let now = clock::recent();
        match now - self.since.get() >= WINDOW {
            true => {
                self.since.set(now);
                self.resets.set(0);
                self.control.set(0);
                self.bytes.set(0);
            }
            false => self.is_over.set(true),
        }
    }
}

/// A client's bytes, counted.
pub(crate) struct Counted {
    stream: Gathered,
    flood: Rc<Flood>,
    /// Bytes until the next frame's header.
    skip: usize,
    header: [u8; HEADER],
    filled: usize,
}

impl Counted {
    pub(crate) const fn new(stream: Gathered, flood: Rc<Flood>) -> Self {
        Self { stream, flood, skip: PREFACE, header: [0; HEADER], filled: 0 }
    }

    fn look(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let count = self.skip.min(bytes.len());
                self.skip -= count;
                bytes = &bytes[count..];
                continue;
            }
            let count = (HEADER - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
            self.filled += count;
            bytes = &bytes[count..];
            if self.filled == HEADER {
                let [a, b, c, kind, flags, ..] = self.header;
                self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                self.filled = 0;
                self.flood.frame(self.skip, kind, flags);
            }
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.flood.is_over() {
            // Whoever drives the connection sees it and says goodbye.
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.look(&buf.filled()[before..]);
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = &written {
            self.flood.bytes.set(self.flood.bytes.get() + *count as u64);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
