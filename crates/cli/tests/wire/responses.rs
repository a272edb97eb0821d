//! Response cases: an upstream of its own for each, that says what the case has it say; a client that asks, then asks
//! again. Whatever the first answer was, the second must be the second.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;

use crate::answers;
use crate::answers::Answer;
use crate::case::Case;
use crate::case::Check;
use crate::case::Expect;
use crate::case::Kind;
use crate::seen::lossy;

const PATIENCE: Duration = Duration::from_secs(20);
/// Between two pieces of a response.
const PAUSE: Duration = Duration::from_millis(30);
const SECOND: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond";
/// Cases at once; they mostly wait.
const PARALLEL: usize = 4;

/// Runs them all through one gateway, and returns what failed.
pub(crate) fn run_all(cases: &[Case]) -> anyhow::Result<Vec<String>> {
    let upstreams = cases.iter().map(Upstream::start).collect::<anyhow::Result<Vec<_>>>()?;
    let mut document = "_format_version: '3.0'\nservices:\n".to_owned();
    for (at, upstream) in upstreams.iter().enumerate() {
        // One try, so that what is said is said once; a silent upstream must not hold up the tests.
        document += &format!(
            "- {{name: s{at}, url: 'http://127.0.0.1:{}', retries: 0, read_timeout: 2000, \
             routes: [{{name: r{at}, hosts: [c{at}.test]}}]}}\n",
            upstream.port
        );
    }
    let gateway = Setup::new(env!("CARGO_BIN_EXE_gibbon")).declarative(&document).start()?;
    let next = AtomicUsize::new(0);
    let run = || {
        let mut failures = Vec::new();
        while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < cases.len()) {
            if let Err(error) = run(&cases[at], &upstreams[at], gateway.proxy(), &format!("c{at}.test")) {
                failures.push(format!("{}: {error:#}", cases[at].name));
            }
        }
        failures
    };
    let failures = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(run)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("invariant: cases report errors")).collect()
    });
    Ok(failures)
}

fn run(case: &Case, upstream: &Upstream, port: u16, host: &str) -> anyhow::Result<()> {
    let Kind::Response { request, .. } = &case.kind else { bail!("not a response case") };
    let mut head = request.clone();
    head.extend_from_slice(format!("Host: {host}\r\nConnection: close\r\n\r\n").as_bytes());
    let upgrades = lossy(request).to_ascii_lowercase().contains("upgrade:");
    if upgrades {
        head = [request.as_slice(), format!("Host: {host}\r\nConnection: Upgrade\r\n\r\n").as_bytes()].concat();
    }
    let method = lossy(request.split(|b| *b == b' ').next().unwrap_or_default());
    let first = ask(port, &head, &method)?;
    // What the upstream still says must have been said before the next request takes a connection.
    eventually(PATIENCE, || (upstream.said.load(Ordering::SeqCst) > 0).then_some(())).context("nobody asked")?;
    std::thread::sleep(Duration::from_millis(5));
    let asked = upstream.connections.load(Ordering::SeqCst);
    let second =
        ask(port, format!("GET /second HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(), "GET")?;
    let reused = upstream.connections.load(Ordering::SeqCst) == asked;
    judge(case, &first)
        .and_then(|()| {
            let bodies: Vec<_> = second.iter().map(|answer| lossy(&answer.body)).collect();
            ensure!(bodies == ["second"], "the next request was answered {second:#?}");
            Ok(())
        })
        .with_context(|| format!("{first:#?}"))?;
    for check in &case.checks {
        if let Check::Reused(wanted) = check {
            ensure!(*wanted == reused, "the upstream connection was reused: {reused}");
        }
    }
    Ok(())
}

fn ask(port: u16, bytes: &[u8], method: &str) -> anyhow::Result<Vec<Answer>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(bytes)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    answers::split(&answer, &[method])
}

fn judge(case: &Case, answers: &[Answer]) -> anyhow::Result<()> {
    if case.expect == Expect::Cut && answers.is_empty() {
        return Ok(());
    }
    let [answer] = answers else { bail!("{} answers", answers.len()) };
    match case.expect {
        Expect::Relayed(status) => ensure!(answer.whole && answer.status == status, "not whole, or not {status}"),
        Expect::Refused(status) => {
            ensure!(answer.whole && answer.status == status, "not {status}");
            ensure!(!lossy(&answer.body).contains("hello"), "it is the upstream's");
        }
        Expect::Cut => ensure!(!answer.whole, "it is whole"),
        _ => bail!("an expectation of requests"),
    }
    for check in &case.checks {
        let holds = match check {
            Check::Line(line) => answer.head.starts_with(line.as_str()),
            Check::Header(name, value) => answer.headers(name).any(|given| given == value),
            Check::NoHeader(name) => answer.headers(name).next().is_none(),
            Check::Body(body) => answer.body == *body,
            Check::Refuses(_) | Check::Reused(_) => true,
        };
        ensure!(holds, "{check:?} does not hold");
    }
    Ok(())
}

/// A server that says one case's bytes to every request but `/second`.
struct Upstream {
    port: u16,
    connections: Arc<AtomicUsize>,
    /// How often all was said.
    said: Arc<AtomicUsize>,
}

impl Upstream {
    fn start(case: &Case) -> anyhow::Result<Self> {
        let Kind::Response { bytes, closes, .. } = &case.kind else { bail!("not a response case") };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let (connections, said) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let upstream = Self { port, connections: Arc::clone(&connections), said: Arc::clone(&said) };
        let (bytes, closes) = (Arc::new(bytes.clone()), *closes);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (bytes, said) = (Arc::clone(&bytes), Arc::clone(&said));
                // A gateway that closes ends the thread and nothing else.
                std::thread::spawn(move || serve(stream, &bytes, closes, &said).ok());
            }
        });
        Ok(upstream)
    }
}

fn serve(stream: TcpStream, bytes: &[Vec<u8>], closes: bool, said: &AtomicUsize) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut start = String::new();
        if reader.read_line(&mut start)? == 0 {
            return Ok(());
        }
        let mut line = start.clone();
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        if start.contains("/second") {
            reader.get_mut().write_all(SECOND)?;
            continue;
        }
        for (at, piece) in bytes.iter().enumerate() {
            if at > 0 {
                std::thread::sleep(PAUSE);
            }
            if reader.get_mut().write_all(piece).is_err() {
                break;
            }
        }
        if closes {
            reader.get_mut().shutdown(Shutdown::Write).ok();
        }
        said.fetch_add(1, Ordering::SeqCst);
    }
}
