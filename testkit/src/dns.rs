//! A name server with one answer, which can be changed or kept back. It knows addresses and nothing else.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// What it answers for every name: an address that is good for a second, or nothing at all.
#[derive(Clone, Debug)]
pub struct NameServer {
    address: SocketAddr,
    answer: Arc<Mutex<Option<Ipv4Addr>>>,
}

impl NameServer {
    /// Starts it on a port of its own; it ends with the test's process.
    ///
    /// # Errors
    /// If no port can be had.
    pub fn start(answer: Ipv4Addr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let server = Self { address: socket.local_addr()?, answer: Arc::new(Mutex::new(Some(answer))) };
        let own = server.clone();
        std::thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                let address = *own.answer.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(reply) = address.and_then(|address| reply(&question[..length], address)) {
                    socket.send_to(&reply, from).ok();
                }
            }
        });
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers with that from now on, or no more.
    pub fn set(&self, answer: Option<Ipv4Addr>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }
}

const HEADER: usize = 12;
const A: u16 = 1;

/// Makes the answer to a question (RFC 1035 §4); to one that is not for an address, that there is none.
fn reply(question: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    let name = question.get(HEADER..)?.iter().position(|byte| *byte == 0)? + 1;
    let end = HEADER + name + 4;
    let kind = u16::from_be_bytes(question.get(HEADER + name..HEADER + name + 2)?.try_into().ok()?);
    let answers = u8::from(kind == A);
    let mut reply = question.get(..end)?.to_vec();
    // A response, recursion available; one question, so many answers.
    reply[2..HEADER].copy_from_slice(&[0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]);
    if kind == A {
        // The name of the question, type A, class IN, one second.
        reply.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}
