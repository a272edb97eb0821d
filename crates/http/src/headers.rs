//! An ordered, case-preserving list of headers over one buffer: the received head lies in it, edits are written behind
//! it, and fields are spans. It knows no meaning of a header beyond which names are known; it never hashes.
//!
//! Every field's span holds a whole line, `Name: value\r\n`, so that a run of untouched neighbours is copied to the wire
//! with one `memcpy`. The buffer is kept by [`Headers::clear`], so a reused list stops allocating once it is warm.

use std::fmt;

use crate::HeaderName;
use crate::Known;
use crate::KnownSet;
use crate::Name;
use crate::scan;

/// One field: where its line, its name and its value lie in the buffer.
#[derive(Clone, Copy)]
struct Field {
    start: u32,
    end: u32,
    value: u32,
    value_len: u32,
    name_len: u16,
    known: Known,
}

/// A list of headers in the order they came. Names are compared without letter case and kept as written.
///
/// Names and values that are set are made safe for the wire: a byte that could end a line or a name is written as `%XX`,
/// as OpenResty does.
#[derive(Default)]
pub struct Headers {
    buf: Vec<u8>,
    fields: Vec<Field>,
    present: KnownSet,
    /// Where in the buffer what was received ends and edits begin.
    received: usize,
}

impl Headers {
    /// Returns an empty list; allocates nothing.
    pub const fn new() -> Self {
        Self { buf: Vec::new(), fields: Vec::new(), present: KnownSet::EMPTY, received: 0 }
    }

    /// Empties the list and keeps its memory.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.fields.clear();
        self.present = KnownSet::EMPTY;
        self.received = 0;
    }

    /// Returns how many fields there are; a name given twice counts twice.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Tells whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Returns the first value of `name`.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.find(name.as_bytes()).map(|field| self.value_of(field))
    }

    /// Returns the first value of `name` if it is UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Returns the first value of a known name; an absent one costs one bit test.
    #[inline]
    pub fn known(&self, name: Known) -> Option<&[u8]> {
        if !self.present.contains(name) {
            return None;
        }
        self.fields.iter().find(|field| field.known == name).map(|field| self.value_of(field))
    }

    /// Returns the value of a known name that is there exactly once.
    pub fn only(&self, name: Known) -> Option<&[u8]> {
        let mut values = self.known_all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Returns all values of a known name, in order.
    pub fn known_all(&self, name: Known) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |field| field.known == name).map(|field| self.value_of(field))
    }

    /// Returns all values of `name`, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        let known = Known::classify(name.as_bytes());
        let named = move |field: &&Field| self.is_named(field, known, name.as_bytes());
        self.fields.iter().filter(named).map(|field| self.value_of(field))
    }

    /// Tells whether `name` is there.
    pub fn contains(&self, name: &str) -> bool {
        self.find(name.as_bytes()).is_some()
    }

    /// Tells whether a known name may be there: never wrong when it says no.
    #[inline]
    pub fn may_have(&self, names: KnownSet) -> bool {
        self.present.meets(names)
    }

    /// Returns names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (self.name_of(field), self.value_of(field)))
    }

    /// Returns known name, name and value in order.
    pub fn iter_known(&self) -> impl Iterator<Item = (Known, &[u8], &[u8])> {
        self.fields.iter().map(|field| (field.known, self.name_of(field), self.value_of(field)))
    }

    /// Gives `name` this one value: the first field of that name keeps its place, the others go; a new name comes last.
    pub fn set(&mut self, name: impl HeaderName, value: impl AsRef<[u8]>) {
        self.set_parts(name, &[value.as_ref()]);
    }

    /// As [`set`](Self::set), the value being all `parts` in a row.
    pub fn set_parts(&mut self, name: impl HeaderName, parts: &[&[u8]]) {
        let known = name.known();
        let first = self.position(known, name.bytes());
        let field = self.write_line(known, &name, parts);
        match first {
            Some(at) => {
                self.fields[at] = field;
                self.remove_from(at + 1, known, name.bytes());
            }
            None => self.fields.push(field),
        }
    }

    /// Adds a field at the end, whatever is there already.
    pub fn append(&mut self, name: impl HeaderName, value: impl AsRef<[u8]>) {
        self.append_parts(name, &[value.as_ref()]);
    }

    /// As [`append`](Self::append), the value being all `parts` in a row.
    pub fn append_parts(&mut self, name: impl HeaderName, parts: &[&[u8]]) {
        let field = self.write_line(name.known(), &name, parts);
        self.fields.push(field);
    }

    /// As [`set_parts`](Self::set_parts), for values that were made here or taken from a list: there is nothing in them
    /// to escape. An absent known name costs little more than the copy.
    #[inline]
    pub fn set_safe(&mut self, name: Name, parts: &[&[u8]]) {
        if name.known() == Known::Other || self.present.contains(name.known()) {
            return self.set_parts(name, parts);
        }
        self.append_safe(name, parts);
    }

    /// As [`set_safe`](Self::set_safe), for a known name that most likely is there.
    pub fn replace_safe(&mut self, name: Name, parts: &[&[u8]]) {
        let first = self.fields.iter().position(|field| field.known == name.known());
        self.append_safe(name, parts);
        if let Some(at) = first {
            let last = self.fields.len() - 1;
            self.fields.swap(at, last);
            self.fields.truncate(last);
            self.remove_from(at + 1, name.known(), name.bytes());
        }
    }

    /// As [`set_safe`](Self::set_safe), whatever is there already.
    #[inline]
    pub fn append_safe(&mut self, name: Name, parts: &[&[u8]]) {
        let start = self.buf.len() as u32;
        write_safe_line(&mut self.buf, name, parts);
        let end = self.buf.len() as u32;
        let value = start + name.begin().len() as u32;
        self.present = self.present.with(name.known());
        self.fields.push(Field {
            start,
            end,
            value,
            value_len: end - 2 - value,
            name_len: name.begin().len() as u16 - 2,
            known: name.known(),
        });
    }

    /// Adds a field at the end unless the name is there already; tells whether it did.
    pub fn insert(&mut self, name: impl HeaderName, value: impl AsRef<[u8]>) -> bool {
        let absent = self.position(name.known(), name.bytes()).is_none();
        if absent {
            self.append(name, value);
        }
        absent
    }

    /// Adds all fields of another list at the end, whatever is there already.
    pub fn append_all(&mut self, other: &Self) {
        for field in &other.fields {
            let start = self.buf.len() as u32;
            self.buf.extend_from_slice(&other.buf[field.start as usize..field.end as usize]);
            let value = start + (field.value - field.start);
            self.fields.push(Field { start, end: self.buf.len() as u32, value, ..*field });
        }
        self.present = self.present.or(other.present);
    }

    /// Removes all fields of `name`; tells whether there was one.
    pub fn remove(&mut self, name: impl HeaderName) -> bool {
        self.remove_from(0, name.known(), name.bytes())
    }

    /// As [`remove`](Self::remove) for a known name; an absent one costs one bit test.
    pub fn remove_known(&mut self, name: Known) -> bool {
        if !self.present.contains(name) {
            return false;
        }
        let before = self.fields.len();
        self.fields.retain(|field| field.known != name);
        self.present = self.present.without(name);
        before != self.fields.len()
    }

    /// As [`remove_known`](Self::remove_known) for all names of a set, in one pass.
    pub fn remove_all(&mut self, names: KnownSet) {
        if self.present.meets(names) {
            self.fields.retain(|field| !names.contains(field.known));
            self.present = self.present.minus(names);
        }
    }

    /// Keeps only the fields `keep` says yes to (name, value).
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        let buf = &self.buf;
        self.fields.retain(|field| {
            let name = &buf[field.start as usize..][..field.name_len as usize];
            keep(name, &buf[field.value as usize..][..field.value_len as usize])
        });
    }

    /// Removes every received field that a `Connection` header names (RFC 9110 §7.6.1), but not those that frame or
    /// address the message: naming `Host` or `Content-Length` there must not take them away. Nor what was set since, such
    /// as who the consumer is: that is not the sender's to take away.
    pub fn remove_listed_in_connection(&mut self) {
        if !self.present.contains(Known::Connection) {
            return;
        }
        // What nearly all of them say.
        if self.known_all(Known::Connection).all(|value| scan::is_name(value, b"keep-alive")) {
            self.remove_received(Known::KeepAlive, b"keep-alive");
            return;
        }
        let listed: smallvec::SmallVec<[u8; 128]> =
            self.known_all(Known::Connection).flat_map(|value| value.iter().copied().chain([b','])).collect();
        for token in listed.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty()) {
            let known = Known::classify(token);
            let kept = matches!(
                known,
                Known::Host
                    | Known::ContentLength
                    | Known::TransferEncoding
                    | Known::Connection
                    | Known::Te
                    | Known::Upgrade
            );
            if !kept {
                self.remove_received(known, token);
            }
        }
    }

    /// Tells whether a known, comma-separated header holds `token`, letter case ignored.
    pub fn has_token(&self, name: Known, token: &str) -> bool {
        let is_token = |item: &[u8]| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes());
        self.present.contains(name)
            && self.known_all(name).any(|value| match scan::find(b',', value) {
                // Nearly all are a list of one.
                None => is_token(value),
                Some(_) => value.split(|b| *b == b',').any(is_token),
            })
    }

    /// Writes all lines but those in `skip` to `out`, runs of neighbours at once. Does not write the empty last line.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>, skip: KnownSet) {
        let (mut start, mut end) = (0, 0);
        for field in &self.fields {
            if skip.contains(field.known) {
                continue;
            }
            if field.start != end {
                out.extend_from_slice(&self.buf[start as usize..end as usize]);
                start = field.start;
            }
            end = field.end;
        }
        out.extend_from_slice(&self.buf[start as usize..end as usize]);
    }

    /// Takes `lines` as the buffer of a list whose spans were pushed relative to it.
    pub(crate) fn adopt(&mut self, lines: &[u8]) {
        self.buf.clear();
        self.buf.extend_from_slice(lines);
        self.received = lines.len();
    }

    /// Rewrites received lines that are not `name: value CRLF`: those without colon and those that end with a bare LF.
    pub(crate) fn mend(&mut self) {
        for at in 0..self.fields.len() {
            let field = self.fields[at];
            let line = &self.buf[field.start as usize..field.end as usize];
            if line.get(field.name_len as usize) != Some(&b':') || !line.ends_with(b"\r\n") {
                let (name, value) = (self.name_of(&field).to_vec(), self.value_of(&field).to_vec());
                let name = name.as_slice();
                self.fields[at] = self.write_line(name.known(), &name, &[&value]);
            }
        }
        self.received = self.buf.len();
    }

    /// Adds a received line: `name_len` bytes at `start`, value at `value`, all of it ending with CRLF at `end`.
    pub(crate) fn push_span(&mut self, known: Known, start: usize, name_len: usize, value: (usize, usize), end: usize) {
        self.present = self.present.with(known);
        self.fields.push(Field {
            start: start as u32,
            end: end as u32,
            value: value.0 as u32,
            value_len: (value.1 - value.0) as u32,
            name_len: name_len as u16,
            known,
        });
    }

    /// Writes a line behind all others and returns its field.
    fn write_line(&mut self, mut known: Known, name: &impl HeaderName, parts: &[&[u8]]) -> Field {
        let bytes = name.bytes();
        let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX) / 3)];
        let start = self.buf.len();
        // Room for all of it at once, unless something must be escaped.
        self.buf.reserve(bytes.len() + parts.iter().map(|part| part.len()).sum::<usize>() + 4);
        if name.is_safe() || bytes.iter().all(|byte| is_safe_in_name(*byte)) {
            self.buf.extend_from_slice(bytes);
        } else {
            escape_into(&mut self.buf, bytes, is_safe_in_name);
            known = Known::classify(&self.buf[start..]);
        }
        let name_len = self.buf.len() - start;
        self.buf.extend_from_slice(b": ");
        let value = self.buf.len();
        write_value(&mut self.buf, parts);
        let value_len = self.buf.len() - value;
        self.buf.extend_from_slice(b"\r\n");
        self.present = self.present.with(known);
        Field {
            start: start as u32,
            end: self.buf.len() as u32,
            value: value as u32,
            value_len: value_len as u32,
            name_len: name_len as u16,
            known,
        }
    }

    fn remove_from(&mut self, from: usize, known: Known, name: &[u8]) -> bool {
        if known != Known::Other && !self.present.contains(known) {
            return false;
        }
        let before = self.fields.len();
        let mut kept = from;
        for at in from..before {
            let field = self.fields[at];
            if !self.is_named(&field, known, name) {
                self.fields[kept] = field;
                kept += 1;
            }
        }
        self.fields.truncate(kept);
        kept != before
    }

    /// Removes the fields of that name that were received, not those that were set since.
    fn remove_received(&mut self, known: Known, name: &[u8]) {
        if known != Known::Other && !self.present.contains(known) {
            return;
        }
        let (mut fields, received) = (std::mem::take(&mut self.fields), self.received);
        fields.retain(|field| field.start as usize >= received || !self.is_named(field, known, name));
        self.fields = fields;
    }

    fn find(&self, name: &[u8]) -> Option<&Field> {
        self.position(Known::classify(name), name).map(|at| &self.fields[at])
    }

    /// Where the first field of that name is, of which `known` is the classification; an absent known name costs no
    /// look at the fields.
    fn position(&self, known: Known, name: &[u8]) -> Option<usize> {
        if known != Known::Other && !self.present.contains(known) {
            return None;
        }
        self.fields.iter().position(|field| self.is_named(field, known, name))
    }

    /// Whether a field has this name, of which `known` is the classification.
    #[inline]
    fn is_named(&self, field: &Field, known: Known, name: &[u8]) -> bool {
        field.known == known
            && (known != Known::Other
                || (field.name_len as usize == name.len() && self.name_of(field).eq_ignore_ascii_case(name)))
    }

    #[inline]
    fn name_of(&self, field: &Field) -> &[u8] {
        &self.buf[field.start as usize..][..field.name_len as usize]
    }

    #[inline]
    fn value_of(&self, field: &Field) -> &[u8] {
        &self.buf[field.value as usize..][..field.value_len as usize]
    }
}

/// Appends a header line: the name, all `parts` in a row as its value, the line's end. What could end the line early is
/// escaped, as in a list.
#[inline]
pub fn write_line(out: &mut Vec<u8>, name: Name, parts: &[&[u8]]) {
    begin_line(out, name, parts);
    write_value(out, parts);
    out.extend_from_slice(b"\r\n");
}

/// As [`write_line`], for values that were made here or taken from a list or a target, where nothing is left to escape.
#[inline]
pub fn write_safe_line(out: &mut Vec<u8>, name: Name, parts: &[&[u8]]) {
    debug_assert!(!parts.iter().any(|part| part.contains(&b'\r') || part.contains(&b'\n')), "a value is one line");
    begin_line(out, name, parts);
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn begin_line(out: &mut Vec<u8>, name: Name, parts: &[&[u8]]) {
    out.reserve(name.begin().len() + parts.iter().map(|part| part.len()).sum::<usize>() + 2);
    out.extend_from_slice(name.begin().as_bytes());
}

#[inline]
fn write_value(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        match scan::has_control(part) {
            false => out.extend_from_slice(part),
            true => escape_into(out, part, |byte| !byte.is_ascii_control() || byte == b'\t'),
        }
    }
}

const fn is_safe_in_name(byte: u8) -> bool {
    (byte > b' ') & (byte != b':') & (byte != 0x7f)
}

/// Appends `bytes`, those that are not `safe` as `%XX`.
#[cold]
fn escape_into(out: &mut Vec<u8>, bytes: &[u8], safe: impl Fn(u8) -> bool) {
    for byte in bytes {
        match safe(*byte) {
            true => out.push(*byte),
            false => crate::percent::push_escaped(out, *byte),
        }
    }
}

impl Clone for Headers {
    fn clone(&self) -> Self {
        Self { buf: self.buf.clone(), fields: self.fields.clone(), present: self.present, received: self.received }
    }

    /// Copies the list into memory that is already there: no allocation once it is large enough.
    fn clone_from(&mut self, source: &Self) {
        self.buf.clone_from(&source.buf);
        self.fields.clone_from(&source.fields);
        self.present = source.present;
        self.received = source.received;
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lossy = String::from_utf8_lossy;
        f.debug_list().entries(self.iter().map(|(name, value)| format!("{}: {}", lossy(name), lossy(value)))).finish()
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().zip(other.iter()).all(|(a, b)| a.0.eq_ignore_ascii_case(b.0) && a.1 == b.1)
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(fields: T) -> Self {
        let mut headers = Self::new();
        headers.extend(fields);
        headers
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Extend<(N, V)> for Headers {
    fn extend<T: IntoIterator<Item = (N, V)>>(&mut self, fields: T) {
        for (name, value) in fields {
            self.append(name.as_ref(), value);
        }
    }
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
