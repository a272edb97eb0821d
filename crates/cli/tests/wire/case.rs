//! The format of the corpus (`tests/corpus/README.md`): one file, one case. It reads text into a case and sends nothing.

use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;

/// One file of the corpus.
#[derive(Debug)]
pub(crate) struct Case {
    /// The path below `tests/corpus`, without its ending.
    pub name: String,
    /// What must happen.
    pub expect: Expect,
    /// What is sent, and how.
    pub kind: Kind,
    /// What the message must look like where it arrives.
    pub checks: Vec<Check>,
}

/// What must happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// One answer with this status, then the connection is closed; nothing went upstream.
    Refused(u16),
    /// An answer with this status; nothing went upstream, the connection may live.
    Answered(u16),
    /// So many messages went upstream, each read the same way by everybody.
    Forwarded(usize),
    /// The request was begun, never completed, and never answered with success.
    Aborted,
    /// HTTP/2: the stream was reset or the connection closed; nothing went upstream.
    Reset,
    /// Responses: the client got this status and a whole, well-formed message.
    Relayed(u16),
    /// Responses: the client saw that the message is not whole.
    Cut,
}

/// What is sent, and how.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Bytes of a client.
    Request {
        /// Pieces with a pause between them.
        bytes: Vec<Vec<u8>>,
        /// What comes after them.
        then: Then,
    },
    /// A header list and body over HTTP/2.
    Http2 {
        /// Names and values as they go into the frame.
        fields: Vec<(Vec<u8>, Vec<u8>)>,
        /// DATA; `None` ends the stream with the head.
        body: Option<Vec<u8>>,
        /// A second header block behind the body.
        trailers: Vec<(Vec<u8>, Vec<u8>)>,
    },
    /// Bytes of an upstream.
    Response {
        /// Pieces with a pause between them.
        bytes: Vec<Vec<u8>>,
        /// The head of the request that they answer, without its Host.
        request: Vec<u8>,
        /// Whether the upstream closes behind them.
        closes: bool,
    },
}

/// What a client does behind the bytes of its case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// A harmless request in the same write, which must arrive, or must not if the first was refused.
    Pipelined,
    /// The same, and the first one's answer must close the connection.
    Closed,
    /// The bytes hold something more, which must be refused; the harmless request must not arrive.
    Refused,
    /// Nothing more comes: the client ends its side.
    End,
}

/// A statement about a message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// The request line or status line begins so.
    Line(String),
    /// There is a header with exactly this value (of several: one of them).
    Header(String, String),
    /// There is no such header.
    NoHeader(String),
    /// The body.
    Body(Vec<u8>),
    /// This server behind refuses what others accept; no other disagreement is allowed.
    Refuses(String),
    /// Whether the upstream connection is used for the next request.
    Reused(bool),
}

/// Reads every `*.case` below `top`, in order.
pub(crate) fn read_all(top: &Path) -> anyhow::Result<Vec<Case>> {
    let mut paths = Vec::new();
    collect(top, &mut paths)?;
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix(top)?.with_extension("").display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
            read(&name, &text).with_context(|| format!("tests/corpus/{name}.case"))
        })
        .collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|ending| ending == "case") {
            into.push(path);
        }
    }
    Ok(())
}

/// Reads one case.
pub(crate) fn read(name: &str, text: &str) -> anyhow::Result<Case> {
    let mut front = Front::default();
    let mut parts: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("--"), parts.last_mut()) {
            (Some(part), _) => parts.push((part, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => front.line(line)?,
        }
    }
    ensure!(!front.what.is_empty() && !front.rfc.is_empty(), "`what` and `rfc` are needed");
    let part = |wanted: &str| parts.iter().find(|(name, _)| *name == wanted).map(|(_, lines)| lines.as_slice());
    let kind = match parts.first().map(|(name, _)| *name) {
        Some("request") => Kind::Request { bytes: pieces(part("request").unwrap_or_default())?, then: front.then },
        Some("h2") => Kind::Http2 {
            fields: fields(part("h2").unwrap_or_default())?,
            body: part("body").map(|lines| Ok::<_, anyhow::Error>(pieces(lines)?.concat())).transpose()?,
            trailers: fields(part("trailers").unwrap_or_default())?,
        },
        Some("response") => Kind::Response {
            bytes: pieces(part("response").unwrap_or_default())?,
            request: match part("to") {
                Some(lines) => pieces(lines)?.concat(),
                None => b"GET / HTTP/1.1\r\n".to_vec(),
            },
            closes: front.closes,
        },
        other => bail!("{other:?} is none of --request, --h2, --response"),
    };
    let expect = front.expect.context("`expect` is needed")?;
    Ok(Case { name: name.to_owned(), expect, kind, checks: front.checks })
}

/// What stands before the bytes.
struct Front {
    what: String,
    rfc: String,
    expect: Option<Expect>,
    then: Then,
    closes: bool,
    checks: Vec<Check>,
}

impl Default for Front {
    fn default() -> Self {
        let (what, rfc) = (String::new(), String::new());
        Self { what, rfc, expect: None, then: Then::Pipelined, closes: false, checks: Vec::new() }
    }
}

impl Front {
    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        let (key, value) = line.split_once(':').with_context(|| format!("not `key: value`: {line}"))?;
        let value = value.trim();
        match key {
            "what" => value.clone_into(&mut self.what),
            "rfc" => value.clone_into(&mut self.rfc),
            "expect" => self.expect = Some(expect(value)?),
            "then" => {
                self.then = match value {
                    "closed" => Then::Closed,
                    "refused" => Then::Refused,
                    "end" => Then::End,
                    _ => bail!("`then` is `closed`, `refused` or `end`"),
                };
            }
            "closes" => self.closes = value == "yes",
            "line" => self.checks.push(Check::Line(value.to_owned())),
            "seen" => {
                let (name, value) = value.split_once(':').context("`seen` is `Name: value`")?;
                self.checks.push(Check::Header(name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            "unseen" => self.checks.push(Check::NoHeader(value.to_ascii_lowercase())),
            "body" => self.checks.push(Check::Body(unescape(value)?.concat())),
            "refuses" => self.checks.push(Check::Refuses(value.to_owned())),
            "reused" => self.checks.push(Check::Reused(value == "yes")),
            _ => bail!("unknown key `{key}`"),
        }
        Ok(())
    }
}

fn expect(text: &str) -> anyhow::Result<Expect> {
    let (word, number) = text.split_once(' ').unwrap_or((text, ""));
    let status = || number.parse::<u16>().with_context(|| format!("`{word}` needs a status"));
    Ok(match word {
        "refused" => Expect::Refused(status()?),
        "answered" => Expect::Answered(status()?),
        "forwarded" => Expect::Forwarded(if number.is_empty() { 1 } else { number.parse()? }),
        "aborted" => Expect::Aborted,
        "reset" => Expect::Reset,
        "relayed" => Expect::Relayed(status()?),
        "cut" => Expect::Cut,
        _ => bail!("unknown expectation `{text}`"),
    })
}

fn pieces(lines: &[&str]) -> anyhow::Result<Vec<Vec<u8>>> {
    unescape(&lines.concat())
}

/// Header lines of HTTP/2: the first colon behind the first byte ends the name.
fn fields(lines: &[&str]) -> anyhow::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let split = |line: &&str| {
        let at = line[1..].find(": ").map(|at| at + 1).with_context(|| format!("not `name: value`: {line}"))?;
        Ok((unescape(&line[..at])?.concat(), unescape(&line[at + 2..])?.concat()))
    };
    lines.iter().filter(|line| !line.is_empty()).map(split).collect()
}

/// Turns text into bytes: `\r`, `\n`, `\t`, `\\`, `\xNN`, `\{N*text}` (text N times); `\p` begins a new piece.
fn unescape(text: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut pieces = vec![Vec::new()];
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let out = pieces.last_mut().context("invariant: there is a piece")?;
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let escaped = &rest[at + 1..];
        let mut length = 1;
        match escaped.as_bytes().first() {
            Some(b'r') => out.push(b'\r'),
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'\\') => out.push(b'\\'),
            Some(b'p') => pieces.push(Vec::new()),
            Some(b'x') => {
                out.push(u8::from_str_radix(escaped.get(1..3).context("`\\x` needs two digits")?, 16)?);
                length = 3;
            }
            Some(b'{') => {
                let end = escaped.find("\\}").context("`\\{` without `\\}`")?;
                let (times, text) = escaped[1..end].split_once('*').context("not `\\{N*text\\}`")?;
                out.extend(unescape(text)?.concat().repeat(times.parse()?));
                length = end + 2;
            }
            _ => bail!("unknown escape in {text:?}"),
        }
        rest = &escaped[length..];
    }
    pieces.last_mut().context("invariant: there is a piece")?.extend_from_slice(rest.as_bytes());
    Ok(pieces)
}
