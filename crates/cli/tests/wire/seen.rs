//! What servers behind Gibbon have read, in one form for all of them; and the recorder, a server that reads raw bytes by
//! the letter of RFC 9112, tolerates nothing, and keeps what it saw. It judges nothing but that.

use std::fmt;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;

/// A request as a server understood it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// As in the request line.
    pub method: String,
    /// As in the request line.
    pub target: String,
    /// Names in lower case; in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Without its framing.
    pub body: Vec<u8>,
}

impl Message {
    /// Returns the first header of this name (lower case).
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// Returns what must be the same whoever read it: all but what belongs to one connection.
    pub(crate) fn essence(&self) -> Self {
        let own = |name: &str| {
            let connection = matches!(name, "connection" | "content-length" | "transfer-encoding");
            // The gateways and what is behind them have ports and request ids of their own.
            connection || matches!(name, "x-kong-request-id" | "x-forwarded-port") || name.starts_with("x-nginx-")
        };
        let is_empty_upgrade = |name: &str, value: &[u8]| name == "upgrade" && value.is_empty();
        let is_own_host = |name: &str, value: &[u8]| name == "host" && value.starts_with(b"127.0.0.1:");
        let headers = self
            .headers
            .iter()
            .filter(|(name, value)| !(own(name) || is_empty_upgrade(name, value) || is_own_host(name, value)));
        let mut headers: Vec<_> = headers.cloned().collect();
        // The order between names means nothing (RFC 9110 §5.3), that among equal names stays.
        headers.sort_by(|a, b| a.0.cmp(&b.0));
        Self { headers, ..self.clone() }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.method, self.target)?;
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {}", value.escape_ascii())?;
        }
        writeln!(f, "  {} bytes: {:?}", self.body.len(), lossy(&self.body[..self.body.len().min(200)]))
    }
}

/// Something that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A whole message.
    Whole(Message),
    /// A message that ended before its body did.
    Cut(Message),
    /// Bytes that are no message, and why.
    Broken(String),
}

/// Where servers put what they saw.
pub(crate) type Log = Arc<Mutex<Vec<Seen>>>;

/// Adds to a log.
pub(crate) fn note(log: &Log, seen: Seen) {
    log.lock().unwrap_or_else(|broken| broken.into_inner()).push(seen);
}

/// The answer of every server here.
pub(crate) const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Starts a recorder and returns its port. It ends with the test's process.
pub(crate) fn record(log: Log) -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                if let Err(error) = serve(stream, &log) {
                    note(&log, Seen::Broken(format!("{error:#}")));
                }
            });
        }
    });
    Ok(port)
}

fn serve(stream: TcpStream, log: &Log) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut message = match head(&mut reader) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(error) => bail!(error),
        };
        if let Err(error) = body(&mut reader, &mut message) {
            match error.downcast_ref::<std::io::Error>() {
                Some(_) => note(log, Seen::Cut(message)),
                None => bail!(error),
            }
            return Ok(());
        }
        let length = if message.method == "HEAD" { ANSWER.len() - 2 } else { ANSWER.len() };
        note(log, Seen::Whole(message));
        if reader.get_mut().write_all(&ANSWER[..length]).is_err() {
            return Ok(());
        }
    }
}

fn line(reader: &mut impl BufRead) -> anyhow::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    if !line.ends_with(b"\n") {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
    }
    let text = line.strip_suffix(b"\r\n").with_context(|| format!("a bare LF behind {:?}", lossy(&line)))?;
    ensure!(!text.iter().any(|b| (*b < b' ' && *b != b'\t') || *b == 0x7f), "a control byte in {:?}", lossy(text));
    Ok(text.to_vec())
}

/// Reads a head; `None` where the connection ends instead of one.
fn head(reader: &mut impl BufRead) -> anyhow::Result<Option<Message>> {
    match reader.fill_buf() {
        Ok([]) | Err(_) => return Ok(None),
        Ok(_) => {}
    }
    let start = String::from_utf8_lossy(&line(reader)?).into_owned();
    let words: Vec<_> = start.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else { bail!("not a request line: {start:?}") };
    ensure!(is_token(method.as_bytes()) && target.starts_with('/'), "not a request line: {start:?}");
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|b| *b == b':').with_context(|| format!("no colon: {:?}", lossy(&line)))?;
        let name = &line[..colon];
        ensure!(is_token(name), "not a header name: {:?}", lossy(name));
        headers.push((lossy(name).to_ascii_lowercase(), line[colon + 1..].trim_ascii().to_vec()));
    }
    Ok(Some(Message { method, target, headers, body: Vec::new() }))
}

fn body(reader: &mut impl BufRead, message: &mut Message) -> anyhow::Result<()> {
    let all = |name: &str| -> Vec<String> {
        message.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| lossy(value)).collect()
    };
    ensure!(all("host").len() == 1, "not one Host: {message:?}");
    match (all("transfer-encoding").as_slice(), all("content-length").as_slice()) {
        ([], []) => Ok(()),
        ([], [length]) => {
            ensure!(!length.is_empty() && length.bytes().all(|b| b.is_ascii_digit()), "not a length: {length:?}");
            let mut rest = reader.take(length.parse()?);
            rest.read_to_end(&mut message.body)?;
            match rest.limit() {
                0 => Ok(()),
                _ => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
            }
        }
        ([coding], []) if coding == "chunked" => chunks(reader, &mut message.body),
        _ => bail!("ambiguous framing: {message:?}"),
    }
}

fn chunks(reader: &mut impl BufRead, into: &mut Vec<u8>) -> anyhow::Result<()> {
    loop {
        let size = lossy(&line(reader)?);
        ensure!(!size.is_empty() && size.bytes().all(|b| b.is_ascii_hexdigit()), "not a chunk size: {size:?}");
        let size = usize::from_str_radix(&size, 16)?;
        let start = into.len();
        into.resize(start + size, 0);
        if let Err(error) = reader.read_exact(&mut into[start..]) {
            into.truncate(start);
            return Err(error.into());
        }
        ensure!(line(reader)?.is_empty(), "no end of a chunk, or a trailer");
        if size == 0 {
            return Ok(());
        }
    }
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// Returns bytes as text, odd ones replaced.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
