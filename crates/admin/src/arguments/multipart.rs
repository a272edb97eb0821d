//! Reads `multipart/form-data` bodies: the content of each part, whatever its type or file name. Of parts with the same
//! name the last one counts, as with Kong.

use bytes::Bytes;
use futures_util::stream;

use super::query::Argument;
use super::query::Pairs;
use super::query::Refused;
use super::query::check_depth;

/// Returns the parts as pairs; what cannot be read counts as not sent, as in Kong.
///
/// # Errors
/// When a name is too deep.
pub(crate) async fn parse(content_type: &str, body: Bytes) -> Result<Pairs, Refused> {
    let mut pairs = Pairs::new();
    let Ok(boundary) = multer::parse_boundary(content_type) else { return Ok(pairs) };
    let chunks = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut parts = multer::Multipart::new(chunks, boundary);
    while let Ok(Some(part)) = parts.next_field().await {
        let Some(name) = part.name().map(str::to_owned) else { continue };
        check_depth(&name)?;
        let Ok(content) = part.bytes().await else { break };
        let value = Argument::Text(String::from_utf8_lossy(&content).into_owned());
        pairs.retain(|(held, _)| *held != name);
        pairs.push((name, vec![value]));
    }
    Ok(pairs)
}
