//! How a node hands what it holds to the node that replaces it, so that no connection is lost: the listening sockets with
//! whoever waits in their queues, the lock of the prefix, and the configuration that a DB-less node was given. It decides
//! neither when that happens nor what becomes of the sockets.
//!
//! ```text
//! successor                                    node
//!     ── Call::HandOver ───────────────────────▶
//!     ◀── `l` with the lock, `s` with a socket …, `.`, then an Answer: the DB-less configuration or null ──
//!  builds itself, accepts beside the node
//!     ── "ready" ──────────────────────────────▶ accepts no more, finishes its requests, ends
//! ```
//!
//! A successor that closes before it is ready leaves the node as it was.

use std::fs::File;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::IoSlice;
use std::io::IoSliceMut;
use std::io::Write as _;
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::Context as _;
use rustix::net::RecvAncillaryBuffer;
use rustix::net::RecvAncillaryMessage;
use rustix::net::RecvFlags;
use rustix::net::SendAncillaryBuffer;
use rustix::net::SendAncillaryMessage;
use rustix::net::SendFlags;
use serde_json::Value;

use crate::control::Answer;
use crate::control::Call;
use crate::prefix::Prefix;

/// How an error begins that means: there is a node, but it hands nothing over.
pub(crate) const REFUSED: &str = "the running node does not hand over";

/// A node that answers its control socket does so at once.
const PATIENCE: Duration = Duration::from_secs(5);
const READY: &str = "ready";

const LOCK: u8 = b'l';
const SOCKET: u8 = b's';
const END: u8 = b'.';

/// What a node has from the one it replaces.
pub(crate) struct Inherited {
    /// The lock of the prefix, held by both for a while.
    pub(crate) lock: File,
    /// Listening sockets of all its surfaces.
    pub(crate) sockets: Vec<TcpListener>,
    /// The configuration of a DB-less node, as a declarative file.
    pub(crate) declarative: Option<String>,
}

/// The node that is replaced, waiting to be told that it is.
pub(crate) struct Predecessor(UnixStream);

impl Predecessor {
    /// Asks the node of `prefix` for what it holds.
    ///
    /// # Errors
    /// With [`REFUSED`], if it gives nothing.
    pub(crate) fn ask(prefix: &Prefix) -> anyhow::Result<(Inherited, Self)> {
        Self::receive(prefix).context(REFUSED)
    }

    /// Tells it that its successor serves.
    pub(crate) fn relieve(mut self) -> io::Result<()> {
        writeln!(self.0, "{READY}")
    }

    fn receive(prefix: &Prefix) -> anyhow::Result<(Inherited, Self)> {
        let mut stream = UnixStream::connect(prefix.control_socket())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut line = serde_json::to_vec(&Call::HandOver)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let (mut lock, mut sockets) = (None, Vec::new());
        loop {
            match receive_one(&stream)? {
                (LOCK, Some(fd)) => lock = Some(File::from(fd)),
                (SOCKET, Some(fd)) => sockets.push(TcpListener::from(fd)),
                (END, None) => break,
                _ => anyhow::bail!("it does not know how"),
            }
        }
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        let answer: Answer = serde_json::from_str(&line)?;
        let kept = answer.map_err(|why| anyhow::anyhow!(why))?;
        let declarative = kept.as_str().map(str::to_owned);
        Ok((Inherited { lock: lock.context("the lock did not come")?, sockets, declarative }, Self(stream)))
    }
}

/// The node's part: gives what it holds.
pub(crate) fn give(
    mut stream: &UnixStream,
    lock: &File,
    sockets: &[TcpListener],
    kept: Option<String>,
) -> anyhow::Result<()> {
    send_one(stream, LOCK, Some(lock.as_fd()))?;
    for socket in sockets {
        send_one(stream, SOCKET, Some(socket.as_fd()))?;
    }
    end(stream, &Ok(kept.map_or(Value::Null, Value::String)))?;
    stream.flush()?;
    Ok(())
}

/// The node's part: says why it gives nothing, or that this is all.
pub(crate) fn end(mut stream: &UnixStream, answer: &Answer) -> anyhow::Result<()> {
    send_one(stream, END, None)?;
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    Ok(())
}

/// The node's part: waits until the successor serves; `false` if it never will.
pub(crate) fn is_taken(stream: &UnixStream) -> bool {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).is_ok() && line.trim_end() == READY
}

fn send_one(stream: &UnixStream, kind: u8, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = fd.as_slice();
    if !fds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    rustix::net::sendmsg(stream, &[IoSlice::new(&[kind])], &mut control, SendFlags::empty())?;
    Ok(())
}

fn receive_one(stream: &UnixStream) -> io::Result<(u8, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut kind = [0];
    rustix::net::recvmsg(stream, &mut [IoSliceMut::new(&mut kind)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let fd = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Ok((kind[0], fd))
}
