//! What the tests share: a worker with a handler made of a function, a scripted upstream, a client of strings.

#![allow(dead_code, reason = "each test file uses a part")]

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Duration;

use gibbon_http::KnownSet;
use gibbon_http::RequestHead;
use gibbon_http::Status;
use gibbon_http::h1;
use gibbon_http::h1::RequestLine;
use gibbon_net::Endpoint;
use gibbon_net::Exchange;
use gibbon_net::Forward;
use gibbon_net::Handler;
use gibbon_net::KeepAlive;
use gibbon_net::Settings;
use gibbon_net::Socket;
use gibbon_net::Stage;
use gibbon_net::Timeouts;
use gibbon_net::UpstreamError;
use gibbon_net::Upstreams;
use gibbon_net::WorkerSetup;
use tokio::sync::watch;

/// How the upstream behaves: it reads `after` bytes of a request (else up to an empty line), answers, goes on.
#[derive(Clone)]
pub(crate) struct Script {
    answer: Option<String>,
    after: usize,
    then: Then,
    /// Between two bytes of the answer.
    pause: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Next,
    Close,
    Echo,
    Deaf,
}

impl Script {
    pub(crate) fn answer(answer: &str) -> Self {
        Self { answer: Some(answer.to_owned()), after: 0, then: Then::Next, pause: None }
    }

    /// Reads nothing, for a while.
    pub(crate) fn deaf() -> Self {
        Self { then: Then::Deaf, ..Self::silent() }
    }

    pub(crate) fn silent() -> Self {
        Self { answer: None, after: 0, then: Then::Next, pause: None }
    }

    pub(crate) fn after(mut self, bytes: usize) -> Self {
        self.after = bytes;
        self
    }

    /// Sends the answer byte by byte.
    pub(crate) fn dribbled(mut self, pause: Duration) -> Self {
        self.pause = Some(pause);
        self
    }

    fn write(&self, stream: &mut TcpStream, answer: &str) -> std::io::Result<()> {
        let Some(pause) = self.pause else { return stream.write_all(answer.as_bytes()) };
        stream.set_nodelay(true)?;
        for byte in answer.bytes() {
            stream.write_all(&[byte])?;
            std::thread::sleep(pause);
        }
        Ok(())
    }

    pub(crate) fn then_close(mut self) -> Self {
        self.then = Then::Close;
        self
    }

    pub(crate) fn then_echo(mut self) -> Self {
        self.then = Then::Echo;
        self
    }

    fn serve(&self, mut stream: TcpStream, seen: &Mutex<Seen>) {
        if self.then == Then::Deaf {
            return std::thread::sleep(Duration::from_secs(30));
        }
        let mut request = Vec::new();
        let mut buffer = [0; 65536];
        loop {
            let count = stream.read(&mut buffer).unwrap_or(0);
            if count == 0 {
                return;
            }
            seen.lock().unwrap().bytes.push_str(&String::from_utf8_lossy(&buffer[..count]));
            request.extend_from_slice(&buffer[..count]);
            let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            let (Some(head), Some(answer)) = (head, &self.answer) else { continue };
            if request.len() < self.after {
                continue;
            }
            if self.write(&mut stream, answer).is_err() || self.then == Then::Close {
                return;
            }
            if self.then == Then::Echo {
                let _ = stream.write_all(&request[head + 4..]);
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    let _ = stream.write_all(&buffer[..count]);
                }
                return;
            }
            request.clear();
        }
    }
}

/// What the upstream saw.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    pub(crate) bytes: String,
}

/// Where a handler forwards to.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) upstreams: Rc<Upstreams>,
    pub(crate) endpoint: Endpoint,
}

struct Call<F> {
    function: F,
    target: Target,
}

impl<F: AsyncFn(&mut Exchange, Target) + 'static> Handler for Call<F> {
    async fn handle(&self, exchange: &mut Exchange) {
        if let Some(error) = exchange.refused {
            return answer(exchange, error.status(), error.to_string().as_bytes()).await;
        }
        (self.function)(exchange, self.target.clone()).await;
    }
}

/// Answers with a status and a body.
pub(crate) async fn answer(exchange: &mut Exchange, status: u16, body: &[u8]) {
    exchange.response.clear();
    exchange.response.status = Status::new(status).unwrap();
    let _ = exchange.reply(body).await;
}

/// Answers for an upstream that did not.
pub(crate) async fn refuse(exchange: &mut Exchange, error: &UpstreamError) {
    let status = if error.failure.is_timeout() { 504 } else { 502 };
    answer(exchange, status, error.to_string().as_bytes()).await;
}

/// Forwards a request as it came.
pub(crate) async fn forward(exchange: &mut Exchange, target: &Target) -> Result<(), UpstreamError> {
    let path = exchange.request.target.path_and_query().to_vec();
    let second = Duration::from_secs(1);
    let timeouts = Timeouts { connect: second, write: second, read: Duration::from_millis(300) };
    let head = |out: &mut Vec<u8>, request: &RequestHead, skip: KnownSet| {
        h1::begin_request(out, RequestLine { method: &request.method, path: &path, query: None });
        request.headers.encode(out, skip);
    };
    let to = Forward { endpoint: &target.endpoint, timeouts, head: &head };
    exchange.forward(&target.upstreams, to).await
}

pub(crate) struct Rig {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stage: watch::Sender<Stage>,
    worker: Option<JoinHandle<()>>,
}

impl Rig {
    pub(crate) fn start<F>(script: Script, function: F) -> Self
    where
        F: AsyncFn(&mut Exchange, Target) + Send + 'static,
    {
        Self::start_all(script, function, None, Settings::default())
    }

    pub(crate) fn start_tls<F>(script: Script, function: F, tls: Option<Arc<rustls::ServerConfig>>) -> Self
    where
        F: AsyncFn(&mut Exchange, Target) + Send + 'static,
    {
        Self::start_all(script, function, tls, Settings::default())
    }

    pub(crate) fn start_with<F>(script: Script, function: F, settings: Settings) -> Self
    where
        F: AsyncFn(&mut Exchange, Target) + Send + 'static,
    {
        Self::start_all(script, function, None, settings)
    }

    pub(crate) fn start_all<F>(
        script: Script,
        function: F,
        tls: Option<Arc<rustls::ServerConfig>>,
        settings: Settings,
    ) -> Self
    where
        F: AsyncFn(&mut Exchange, Target) + Send + 'static,
    {
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = upstream.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shown = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in upstream.incoming() {
                let (script, seen) = (script.clone(), Arc::clone(&shown));
                seen.lock().unwrap().connections += 1;
                std::thread::spawn(move || script.serve(stream.unwrap(), &seen));
            }
        });
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (stage, watching) = watch::channel(Stage::Running);
        let worker = std::thread::spawn(move || {
            let setup = WorkerSetup {
                sockets: vec![Socket { socket, listener: 0, http2: true, tls }],
                settings,
                keep_alive: KeepAlive { pool_size: 8, max_requests: 100, idle_timeout: Duration::from_secs(60) },
                stats: Arc::default(),
                load: Arc::default(),
                stage: watching,
            };
            let endpoint = Endpoint { address: to, tls: None };
            let make = |upstreams: &Rc<Upstreams>| Call {
                function,
                target: Target { upstreams: Rc::clone(upstreams), endpoint },
            };
            gibbon_net::run(setup, make).unwrap();
        });
        Self { address, seen, stage, worker: Some(worker) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Client { stream, unread: Vec::new() }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// Drains the worker and waits for its end.
    pub(crate) fn drain(mut self) {
        self.stage.send(Stage::Draining).unwrap();
        self.worker.take().unwrap().join().unwrap();
    }
}

/// A client that sends and reads text.
pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Sends bytes, if that can still be.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Reads so many bytes; fewer at the end of the connection.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset ends it too.
        let _ = (&self.stream).take(count as u64).read_to_end(&mut bytes);
        bytes
    }

    /// Sends what still can be sent.
    pub(crate) fn try_send(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes());
    }

    /// Tells whether all of `text` was taken in time.
    pub(crate) fn send_within(&mut self, text: &str, limit: Duration) -> bool {
        self.stream.set_write_timeout(Some(limit)).unwrap();
        self.stream.write_all(text.as_bytes()).is_ok()
    }

    /// Sends so many bytes from a thread of its own, or as many as are taken.
    pub(crate) fn sender(&self, count: usize) -> JoinHandle<()> {
        let mut stream = self.stream.try_clone().unwrap();
        std::thread::spawn(move || {
            let _ = stream.write_all(&vec![b'x'; count]);
        })
    }

    /// Waits for a while and tells whether the connection was closed or anything else came.
    pub(crate) fn is_closed_within(&mut self, limit: Duration) -> bool {
        self.stream.set_read_timeout(Some(limit)).unwrap();
        let came = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        !matches!(came, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Says that no more will be sent.
    pub(crate) fn end(&mut self) {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Reads some bytes and drops them; tells how many.
    pub(crate) fn take(&mut self, most: usize) -> usize {
        self.stream.read(&mut vec![0; most]).unwrap_or(0)
    }

    /// Reads to the end of the connection, however it ends; tells how much.
    pub(crate) fn rest_or_reset(&mut self) -> usize {
        let mut total = 0;
        let mut buffer = [0; 65536];
        while let Ok(count @ 1..) = self.stream.read(&mut buffer) {
            total += count;
        }
        total
    }

    /// Reads up to and with `end`.
    pub(crate) fn until(&mut self, end: &str) -> String {
        loop {
            let found = self.unread.windows(end.len()).position(|bytes| bytes == end.as_bytes());
            if let Some(at) = found {
                let text = self.unread.drain(..at + end.len()).collect();
                return String::from_utf8(text).unwrap();
            }
            assert!(self.fill(), "closed after {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    /// Reads to the end of the connection.
    pub(crate) fn rest(&mut self) -> String {
        while self.fill() {}
        String::from_utf8(std::mem::take(&mut self.unread)).unwrap()
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 65536];
        let count = self.stream.read(&mut buffer).expect("an answer in time");
        self.unread.extend_from_slice(&buffer[..count]);
        count > 0
    }
}
