//! HTTP/2 frames byte by byte, for tests that send what no client would.

/// Returns a frame (RFC 9113 §4.1).
///
/// # Panics
/// For a payload of 16 MB and more, whose length has no room.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).ok().filter(|length| *length < 1 << 24).expect("a length of 24 bits");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}
