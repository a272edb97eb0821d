//! A client's view of a connection: the bytes that came back, split into answers by the letter. It sends nothing.

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;

use crate::seen::lossy;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub status: u16,
    /// Status line and headers, as received.
    pub head: String,
    /// Without its framing; what there is of it.
    pub body: Vec<u8>,
    /// Whether the body came to the end that its framing tells.
    pub whole: bool,
}

impl Answer {
    /// Returns the values of a header (lower case).
    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Splits everything that a client received before the connection was closed into final answers; `methods` are those of
/// the requests in order (GET behind them). Interim answers are left out.
///
/// # Errors
/// Bytes that are no answer by the letter.
pub(crate) fn split(bytes: &[u8], methods: &[&str]) -> anyhow::Result<Vec<Answer>> {
    let mut answers: Vec<Answer> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.with_context(|| format!("not an answer: {:?}", lossy(rest)))? + 4;
        let head = String::from_utf8_lossy(&rest[..end - 4]).into_owned();
        rest = &rest[end..];
        let line = head.split("\r\n").next().unwrap_or_default();
        ensure!(line.starts_with("HTTP/1.1 ") && line.as_bytes().get(12) == Some(&b' '), "not a status line: {line:?}");
        for line in head.split("\r\n").skip(1) {
            let name = line.split(':').next().unwrap_or_default();
            let odd = |b: u8| !b.is_ascii_alphanumeric() && b != b'-' && b != b'_';
            ensure!(line.contains(':') && !name.is_empty() && !name.bytes().any(odd), "not a header: {line:?}");
            ensure!(!line.bytes().any(|b| b < b' ' && b != b'\t' || b == 0x7f), "a control byte: {line:?}");
        }
        let mut answer = Answer { status: line[9..12].parse()?, head, body: Vec::new(), whole: true };
        if answer.status / 100 == 1 && answer.status != 101 {
            continue;
        }
        let method = methods.get(answers.len()).copied().unwrap_or("GET");
        if method != "HEAD" && !matches!(answer.status, 101 | 204 | 304) {
            rest = body(&mut answer, rest)?;
        }
        answers.push(answer);
    }
    Ok(answers)
}

/// Takes a body from the start of `rest` and returns what follows it.
fn body<'a>(answer: &mut Answer, rest: &'a [u8]) -> anyhow::Result<&'a [u8]> {
    let lengths: Vec<_> = answer.headers("content-length").map(str::to_owned).collect();
    let codings: Vec<_> = answer.headers("transfer-encoding").map(str::to_owned).collect();
    match (lengths.as_slice(), codings.as_slice()) {
        ([length], []) => {
            let length: usize = length.parse()?;
            answer.whole = rest.len() >= length;
            let (body, rest) = rest.split_at(length.min(rest.len()));
            answer.body = body.to_vec();
            Ok(rest)
        }
        ([], [coding]) if coding == "chunked" => {
            let (body, rest) = chunks(rest)?;
            answer.whole = rest.is_some();
            answer.body = body;
            Ok(rest.unwrap_or_default())
        }
        ([], []) => {
            answer.body = rest.to_vec();
            Ok(&[])
        }
        _ => bail!("ambiguous framing: {}", answer.head),
    }
}

/// Reads chunks; what follows them, `None` where they end before their end.
fn chunks(mut rest: &[u8]) -> anyhow::Result<(Vec<u8>, Option<&[u8]>)> {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else { return Ok((body, None)) };
        let size = usize::from_str_radix(&lossy(&rest[..end]), 16).context("not a chunk size")?;
        rest = &rest[end + 2..];
        let Some(data) = rest.get(..size + 2) else {
            body.extend_from_slice(&rest[..size.min(rest.len())]);
            return Ok((body, None));
        };
        ensure!(data.ends_with(b"\r\n"), "a chunk without its end");
        body.extend_from_slice(&data[..size]);
        rest = &rest[size + 2..];
        if size == 0 {
            return Ok((body, Some(rest)));
        }
    }
}
