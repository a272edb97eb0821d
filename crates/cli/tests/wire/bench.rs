//! A Gibbon with one kind of server behind it, and the client that sends it the cases one after the other. What it saw it
//! hands over unjudged.

use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::Shutdown;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use gibbon_testkit::Gateway;
use gibbon_testkit::Port;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;

use crate::answers;
use crate::answers::Answer;
use crate::case::Case;
use crate::case::Expect;
use crate::case::Kind;
use crate::case::Then;
use crate::h2;
use crate::seen;
use crate::seen::Log;
use crate::seen::Seen;
use crate::servers;
use crate::servers::Nginx;

/// The consumer of the guarded routes; its key is `ann-key`.
pub(crate) const ANN: &str = "0b5ae0a5-2f7f-4a2f-9d53-1c1e4d8f7a01";
/// A client waits so long for a connection to be closed.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two pieces of a case.
const PAUSE: Duration = Duration::from_millis(30);
/// A harmless request behind every case: it arrives once if the connection lives, never if it does not.
pub(crate) const SENTINEL: &[u8] = b"GET /sentinel HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

/// What one case did on one bench.
#[derive(Debug)]
pub(crate) struct Observed {
    /// What the client got.
    pub answers: Vec<Answer>,
    /// What arrived behind Gibbon, but for the sentinel.
    pub seen: Vec<Seen>,
    /// How often the sentinel arrived.
    pub sentinels: usize,
    /// HTTP/2: whether the stream was reset or the connection closed.
    pub reset: bool,
}

/// A gateway and what is behind it.
pub(crate) struct Bench {
    /// Which reader is behind it.
    pub name: &'static str,
    h1: Port,
    h2: Port,
    _gateway: Gateway,
    log: Log,
    _nginx: Option<Nginx>,
}

impl Bench {
    /// With the recorder behind it.
    pub(crate) fn recorder() -> anyhow::Result<Self> {
        let log = Log::default();
        let port = seen::record(Arc::clone(&log))?;
        Self::start("recorder", port, log, None)
    }

    /// With hyper behind it.
    pub(crate) fn hyper() -> anyhow::Result<Self> {
        let log = Log::default();
        let port = servers::hyper(Arc::clone(&log))?;
        Self::start("hyper", port, log, None)
    }

    /// With nginx behind it.
    pub(crate) fn nginx() -> anyhow::Result<Self> {
        let log = Log::default();
        let nginx = Nginx::start(Arc::clone(&log))?;
        Self::start("nginx", nginx.port(), log, Some(nginx))
    }

    fn start(name: &'static str, behind: u16, log: Log, nginx: Option<Nginx>) -> anyhow::Result<Self> {
        let (h1, h2) = (Port::claim()?, Port::claim()?);
        let listen = format!("127.0.0.1:{}, 127.0.0.1:{} http2", h1.number(), h2.number());
        let document = include_str!("gateway.yml").replace("BEHIND", &behind.to_string()).replace("ANN", ANN);
        let setup = Setup::new(env!("CARGO_BIN_EXE_gibbon")).declarative(&document);
        let gateway = setup.property("proxy_listen", &listen).start()?;
        Ok(Self { name, h1, h2, _gateway: gateway, log, _nginx: nginx })
    }

    /// Sends all requests among the cases, one after the other.
    pub(crate) fn run_all(&self, cases: &[Case]) -> Vec<anyhow::Result<Observed>> {
        cases.iter().map(|case| self.run(case)).collect()
    }

    fn run(&self, case: &Case) -> anyhow::Result<Observed> {
        let (answers, reset) = match &case.kind {
            Kind::Request { bytes, then } => (self.send(bytes, *then)?, false),
            Kind::Http2 { fields, body, trailers } => {
                h2::exchange(self.h2.number(), fields, body.as_deref(), trailers)?
            }
            Kind::Response { .. } => (Vec::new(), false),
        };
        let log = || self.log.lock().unwrap_or_else(|broken| broken.into_inner());
        if case.expect == Expect::Aborted {
            // What was cut shows a little after the client is gone, if anything was begun at all.
            eventually(PAUSE, || (!log().is_empty()).then_some(()));
        }
        let seen = std::mem::take(&mut *log());
        let is_sentinel = |seen: &Seen| matches!(seen, Seen::Whole(message) if message.target == "/sentinel");
        let (sentinels, seen): (Vec<_>, Vec<_>) = seen.into_iter().partition(is_sentinel);
        Ok(Observed { answers, seen, sentinels: sentinels.len(), reset })
    }

    /// Sends the pieces, and the sentinel right behind them, and reads until the connection is closed.
    fn send(&self, pieces: &[Vec<u8>], then: Then) -> anyhow::Result<Vec<Answer>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.h1.number()))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        for (at, piece) in pieces.iter().enumerate() {
            let mut piece = piece.clone();
            if at + 1 == pieces.len() && then != Then::End {
                piece.extend_from_slice(SENTINEL);
            }
            // A request that was refused already may not be taken to its end.
            if stream.write_all(&piece).is_err() {
                break;
            }
            if at + 1 < pieces.len() {
                std::thread::sleep(PAUSE);
            }
        }
        if then == Then::End {
            stream.shutdown(Shutdown::Write).ok();
        }
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let start = pieces[0].split(|b| *b == b' ').next().unwrap_or_default();
        answers::split(&bytes, &[&seen::lossy(start)])
    }
}
