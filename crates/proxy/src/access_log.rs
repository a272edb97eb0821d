//! The access log: a line for each request, in Kong's format. Lines are gathered on the worker and written in one go,
//! many at once; what is written is nginx's, how often is ours.

use std::cell::RefCell;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gibbon_sdk::Cx;
use gibbon_sdk::http::Known;

use crate::date;

/// So much is gathered before it is written at once; the worker also writes what there is several times a second.
const GATHERED: usize = 32 * 1024;

/// Where the workers' lines go: one file, opened for appending.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessFile(Option<Arc<Named>>);

/// A file that may be opened again under its name.
#[derive(Debug)]
struct Named {
    path: PathBuf,
    file: ArcSwap<File>,
}

impl AccessFile {
    /// Opens what `proxy_access_log` names, a path relative to the prefix; nothing for `off`.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub(crate) fn open(prefix: &Path, name: &str) -> std::io::Result<Self> {
        // A second word names a log format of nginx's.
        let Some(path) = name.split_whitespace().next().filter(|path| *path != "off") else {
            return Ok(Self(None));
        };
        let path = prefix.join(path);
        let file = ArcSwap::from_pointee(append(&path)?);
        Ok(Self(Some(Arc::new(Named { path, file }))))
    }

    /// Goes on in the file that has the name now, after the other was moved away; a terminal or pipe stays.
    ///
    /// # Errors
    /// When it cannot be opened; then lines go where they went.
    pub(crate) fn reopen(&self) -> std::io::Result<()> {
        if let Some(named) = self.0.as_deref().filter(|named| !named.path.starts_with("/dev")) {
            named.file.store(Arc::new(append(&named.path)?));
        }
        Ok(())
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// A worker's part of the access log.
pub(crate) struct AccessLog {
    file: AccessFile,
    lines: RefCell<Vec<u8>>,
}

impl AccessLog {
    pub(crate) fn new(file: AccessFile) -> Self {
        Self { file, lines: RefCell::default() }
    }

    /// Adds the line of a request that is over; `body` is how many bytes of body the client was sent.
    pub(crate) fn write(&self, cx: &Cx<'_>, body: u64) {
        if self.file.0.is_none() {
            return;
        }
        let mut lines = self.lines.borrow_mut();
        // Writing to memory cannot fail.
        let _ = line(&mut lines, cx, body);
        if lines.len() >= GATHERED {
            drop(lines);
            self.flush();
        }
    }

    /// Writes what has been gathered.
    pub(crate) fn flush(&self) {
        let mut lines = self.lines.borrow_mut();
        if let Some(file) = self.file.0.as_deref().filter(|_| !lines.is_empty()) {
            let file = file.file.load();
            if let Err(error) = (&**file).write_all(&lines) {
                tracing::error!(%error, "access log could not be written");
            }
        }
        lines.clear();
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush();
    }
}

/// `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"
/// kong_request_id: "$kong_request_id"`.
fn line(out: &mut Vec<u8>, cx: &Cx<'_>, body: u64) -> std::io::Result<()> {
    write!(out, "{} - - [", cx.client.address)?;
    out.extend_from_slice(&date::log(cx.env.clock.wall_ms() / 1000));
    out.extend_from_slice(b"] \"");
    let head = cx.request.as_deref().map(|request| &request.head);
    if let Some(head) = head {
        out.extend_from_slice(head.method.as_str().as_bytes());
        out.push(b' ');
        escape(out, head.target.as_bytes());
        let version = match head.version.number() {
            "1" => "1.0",
            "2" => "2.0",
            other => other,
        };
        write!(out, " HTTP/{version}")?;
    }
    write!(out, "\" {} {body} \"", cx.response.head.status)?;
    let header = |name: Known, other: &str| {
        head.and_then(|head| if name == Known::Other { head.headers.get(other) } else { head.headers.known(name) })
    };
    escape(out, header(Known::Other, "referer").unwrap_or(b"-"));
    out.extend_from_slice(b"\" \"");
    escape(out, header(Known::UserAgent, "").unwrap_or(b"-"));
    out.extend_from_slice(b"\" kong_request_id: \"");
    out.extend_from_slice(&cx.id);
    out.extend_from_slice(b"\"\n");
    Ok(())
}

/// Writes what a client sent so that it cannot break a line or its quotes, as nginx does: `\xHH`.
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f..=0xff => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                let (high, low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
                out.extend_from_slice(&[b'\\', b'x', high, low]);
            }
            plain => out.push(*plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_breaks_lines() {
        let mut out = Vec::new();
        escape(&mut out, b"/a\"b\\\n\xff ");
        assert_eq!(out, br"/a\x22b\x5C\x0A\xFF ");
    }
}
