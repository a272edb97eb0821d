//! `multipart/form-data` (RFC 7578), read as tolerantly as Kong reads it: lines may end in a bare LF, names must be
//! quoted, and a body that breaks off still yields its last part.

/// One part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The `name` of its Content-Disposition.
    pub name: String,
    /// Its header lines as they came, without line ends.
    pub headers: Vec<Vec<u8>>,
    /// Its content.
    pub value: Vec<u8>,
}

/// A multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    boundary: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Multipart {
    /// Reads a body; `None` if the Content-Type names no boundary. Parts without a quoted name are dropped.
    pub fn parse(content_type: &[u8], body: &[u8]) -> Option<Self> {
        let boundary = boundary(content_type)?;
        let mark = [b"--".as_slice(), &boundary].concat();
        let mut pieces = Vec::new();
        let mut open: Option<Vec<&[u8]>> = None;
        for line in body.split_inclusive(|byte| *byte == b'\n') {
            let bare = without_line_end(line);
            let closes = bare.strip_suffix(b"--").is_some_and(|start| start == mark);
            if bare == mark || closes {
                pieces.extend(open.take().and_then(|lines| piece(&lines, Ending::Mark)));
                if closes {
                    return Some(Self { boundary, pieces });
                }
                open = Some(Vec::new());
            } else if let Some(lines) = &mut open {
                lines.push(line);
            }
        }
        pieces.extend(open.and_then(|lines| piece(&lines, Ending::BrokenOff)));
        Some(Self { boundary, pieces })
    }

    /// Returns the contents of all parts of that name.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.pieces.iter().filter(move |piece| piece.name == name).map(|piece| piece.value.as_slice())
    }

    /// Returns the parts in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Gives `name` this one value; the first part of that name keeps its place, its other headers go.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        let fresh = Piece {
            name: name.to_owned(),
            headers: vec![format!("Content-Disposition: form-data; name=\"{name}\"").into_bytes()],
            value: value.to_vec(),
        };
        match self.pieces.iter().position(|piece| piece.name == name) {
            Some(at) => {
                self.remove(name);
                self.pieces.insert(at.min(self.pieces.len()), fresh);
            }
            None => self.pieces.push(fresh),
        }
    }

    /// Takes all parts of that name out; returns whether there were any.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.pieces.len();
        self.pieces.retain(|piece| piece.name != name);
        self.pieces.len() != before
    }

    /// Writes the body with CRLF line ends and the boundary it came with.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in &self.pieces {
            out.extend_from_slice(b"--");
            out.extend_from_slice(&self.boundary);
            out.extend_from_slice(b"\r\n");
            for header in &piece.headers {
                out.extend_from_slice(header);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(&piece.value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"--");
        out.extend_from_slice(&self.boundary);
        out.extend_from_slice(b"--\r\n");
        out
    }
}

/// How a part ended: a boundary takes the line end before it, a body that breaks off does not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Mark,
    BrokenOff,
}

fn piece(lines: &[&[u8]], ending: Ending) -> Option<Piece> {
    let blank = lines.iter().position(|line| without_line_end(line).is_empty())?;
    let headers: Vec<Vec<u8>> = lines[..blank].iter().map(|line| without_line_end(line).to_vec()).collect();
    let name = headers.iter().find_map(|header| name_of(header))?;
    let content = lines[blank + 1..].concat();
    let value = match ending {
        Ending::Mark => without_line_end(&content).to_vec(),
        Ending::BrokenOff => content,
    };
    Some(Piece { name, headers, value })
}

/// Returns the quoted `name` of a Content-Disposition line.
fn name_of(header: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(header).ok()?;
    let (field, value) = text.split_once(':')?;
    if !field.eq_ignore_ascii_case("content-disposition") {
        return None;
    }
    value.split(';').find_map(|parameter| {
        let quoted = parameter.trim().strip_prefix("name=\"")?;
        quoted.strip_suffix('"').map(str::to_owned)
    })
}

/// Returns the boundary that a Content-Type names, without its quotes.
fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(content_type).ok()?;
    let value = text.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    (!value.is_empty()).then(|| value.as_bytes().to_vec())
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
