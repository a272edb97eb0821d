//! Many sends with one system call, through io_uring. It keeps nothing: when a call returns, all of it is over, and the
//! system has no pointer of ours. So what sockets need of unsafe code can be judged by looking at this crate alone.

use std::io;
use std::os::fd::RawFd;

#[cfg(target_os = "linux")]
use io_uring::IoUring;
#[cfg(target_os = "linux")]
use io_uring::opcode;
#[cfg(target_os = "linux")]
use io_uring::types::Fd;

/// Bytes to be sent on a socket. The descriptor must be that of an open socket, or others' bytes go who knows where.
#[derive(Clone, Copy, Debug)]
pub struct Send<'a> {
    /// The socket; it never blocks.
    pub socket: RawFd,
    /// What it is to be given.
    pub bytes: &'a [u8],
}

/// How all is sent: without waiting, and a connection that is gone is an error, not a signal.
#[cfg(target_os = "linux")]
const FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// A queue of system calls, for one thread.
#[cfg(target_os = "linux")]
pub struct Ring(
    /// Gone once the system has refused it.
    Option<IoUring>,
);

#[cfg(target_os = "linux")]
impl Ring {
    /// Returns a queue for up to `most` sends at once.
    ///
    /// # Errors
    /// The system has no io_uring, not one that sends (Linux before 5.6), or forbids it (many containers do).
    pub fn new(most: u16) -> io::Result<Self> {
        // What they save is for Linux 6.0 and later; older ones know no such thing and work without.
        let newest = IoUring::builder().setup_single_issuer().setup_coop_taskrun().build(u32::from(most));
        let ring = newest.or_else(|_| IoUring::new(u32::from(most)))?;
        let mut probe = io_uring::Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::Send::CODE) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(Self(Some(ring)))
    }

    /// Sends each of `sends` as far as its socket takes it without waiting, in order, and puts into `results` how many
    /// bytes that were or why none: `WouldBlock` from a socket that is full.
    ///
    /// # Errors
    /// The queue does not work any more, now and for ever. A send without a result was not made; one whose end the system
    /// did not tell has `NotConnected`.
    pub fn send<'a>(
        &mut self,
        mut sends: impl ExactSizeIterator<Item = Send<'a>>,
        results: &mut Vec<io::Result<usize>>,
    ) -> io::Result<()> {
        results.clear();
        if sends.len() == 1 {
            results.extend(sends.next().map(send_alone));
            return Ok(());
        }
        let mut sends = sends.peekable();
        while sends.peek().is_some() {
            self.send_some(&mut sends, results)?;
        }
        Ok(())
    }

    fn send_some<'a>(
        &mut self,
        sends: &mut impl Iterator<Item = Send<'a>>,
        results: &mut Vec<io::Result<usize>>,
    ) -> io::Result<()> {
        // It comes back when all is well: a queue that is dropped sends nothing any more.
        let mut ring = self.0.take().ok_or(io::ErrorKind::Unsupported)?;
        let (begin, room) = (results.len(), ring.params().sq_entries() as usize);
        for (index, Send { socket, bytes }) in sends.take(room).enumerate() {
            results.push(Err(io::ErrorKind::NotConnected.into()));
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let send =
                opcode::Send::new(Fd(socket), bytes.as_ptr(), length).flags(FLAGS).build().user_data(index as u64);
            // SAFETY: the bytes are borrowed until this function returns, which it does when the system has told the end
            // of every send, or after the queue with those that were not begun is gone. A send that may not wait is over
            // when it was begun. The queue has room: all before were taken out.
            #[allow(unsafe_code, reason = "only the caller knows how long memory lives that the system reads")]
            unsafe { ring.submission().push(&send) }.map_err(|_| io::ErrorKind::OutOfMemory)?;
        }
        let mut left = results.len() - begin;
        while left > 0 {
            match ring.submit_and_wait(left) {
                Ok(_) => {}
                // A signal, or no memory for the moment.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN | libc::EBUSY)) => {}
                Err(error) => return Err(error),
            }
            for completed in ring.completion() {
                results[begin + completed.user_data() as usize] = match completed.result() {
                    error @ ..0 => Err(io::Error::from_raw_os_error(-error)),
                    sent => Ok(sent as usize),
                };
                left -= 1;
            }
        }
        self.0 = Some(ring);
        Ok(())
    }
}

/// A queue would only make one send dearer.
#[cfg(target_os = "linux")]
fn send_alone(Send { socket, bytes }: Send<'_>) -> io::Result<usize> {
    // SAFETY: the bytes are borrowed for longer than the call takes.
    #[allow(unsafe_code, reason = "a descriptor is all there is of the socket")]
    let sent = unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), FLAGS) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// A queue of system calls: this system has none.
#[cfg(not(target_os = "linux"))]
pub struct Ring(std::convert::Infallible);

#[cfg(not(target_os = "linux"))]
impl Ring {
    /// Returns an error.
    ///
    /// # Errors
    /// Always.
    pub fn new(_: u16) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// None.
    pub fn send<'a>(
        &mut self,
        _: impl ExactSizeIterator<Item = Send<'a>>,
        _: &mut Vec<io::Result<usize>>,
    ) -> io::Result<()> {
        match self.0 {}
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::net::TcpStream;
    use std::os::fd::AsRawFd as _;

    use super::*;

    fn pair() -> io::Result<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let ours = TcpStream::connect(listener.local_addr()?)?;
        ours.set_nonblocking(true)?;
        Ok((ours, listener.accept()?.0))
    }

    #[test]
    fn each_send_has_its_own_result() -> io::Result<()> {
        // A sandbox may forbid it; then there is nothing to test.
        let Ok(mut ring) = Ring::new(2) else { return Ok(()) };
        let (first, mut at_first) = pair()?;
        let (full, _at_full) = pair()?;
        let (gone, at_gone) = pair()?;
        let much = vec![b'x'; 64 << 20];
        drop(at_gone);
        let send = |to: &TcpStream, bytes| Send { socket: to.as_raw_fd(), bytes };
        let sends = [
            send(&first, b"a".as_slice()),
            send(&full, &much),
            send(&full, b"more"),
            send(&gone, b"resets"),
            Send { socket: -1, bytes: b"none" },
            send(&first, b"b"),
        ];
        let mut results = Vec::new();
        ring.send(sends.into_iter(), &mut results)?;
        let mut got = [0; 2];
        at_first.read_exact(&mut got)?;
        assert_eq!(&got, b"ab");
        let kinds: Vec<_> = results.iter().map(|one| one.as_ref().map_err(io::Error::kind)).collect();
        assert!(
            matches!(kinds[..], [Ok(1), Ok(1..), Err(io::ErrorKind::WouldBlock), Ok(6), Err(_), Ok(1)]),
            "{kinds:?}"
        );
        assert!(results[1].as_ref().is_ok_and(|sent| *sent < much.len()), "more than a socket holds");
        ring.send([send(&gone, b"again")].into_iter(), &mut results)?;
        assert!(matches!(&results[..], [Err(error)] if error.kind() == io::ErrorKind::BrokenPipe), "{results:?}");
        Ok(())
    }
}
