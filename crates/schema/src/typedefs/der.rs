//! The public part that private keys carry, read from their DER: RSA numbers and curve points.
//! Formats: PKCS #1 (RFC 8017), PKCS #8 (RFC 5958), SEC 1 (RFC 5915). Nothing is computed.

use rustls_pki_types::PrivateKeyDer;

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// The public part of a private key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PublicPart<'a> {
    /// RSA, as DER integers.
    Rsa {
        /// The modulus.
        modulus: &'a [u8],
        /// The public exponent.
        exponent: &'a [u8],
    },
    /// A point on a curve, or an Edwards key.
    Point(&'a [u8]),
}

/// Returns the public part, where the key carries it.
pub(super) fn public_part<'a>(key: &'a PrivateKeyDer<'_>) -> Option<PublicPart<'a>> {
    match key {
        PrivateKeyDer::Pkcs1(der) => rsa(der.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(der) => sec1(der.secret_sec1_der()),
        PrivateKeyDer::Pkcs8(der) => pkcs8(der.secret_pkcs8_der()),
        _ => None,
    }
}

fn pkcs8(der: &[u8]) -> Option<PublicPart<'_>> {
    let mut key = Reader(der).inside(SEQUENCE)?;
    key.take(INTEGER)?;
    key.take(SEQUENCE)?;
    let inner = key.take(OCTETS)?;
    // The second format of PKCS #8 has the public key as `[1] BIT STRING`.
    rsa(inner)
        .or_else(|| sec1(inner))
        .or_else(|| key.find(0x81).and_then(|bits| bits.split_first()).map(|(_, point)| PublicPart::Point(point)))
}

fn rsa(der: &[u8]) -> Option<PublicPart<'_>> {
    let mut key = Reader(der).inside(SEQUENCE)?;
    key.take(INTEGER)?;
    Some(PublicPart::Rsa { modulus: key.take(INTEGER)?, exponent: key.take(INTEGER)? })
}

fn sec1(der: &[u8]) -> Option<PublicPart<'_>> {
    let mut key = Reader(der).inside(SEQUENCE)?;
    key.take(INTEGER)?;
    key.take(OCTETS)?;
    let bits = Reader(key.find(0xa1)?).take(0x03)?;
    // The first byte counts unused bits; a point has none.
    bits.split_first().map(|(_, point)| PublicPart::Point(point))
}

/// Returns an integer's bytes without leading zeros.
pub(super) fn unsigned(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// Reads tag, length, value.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (len, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (bytes, rest) =
                rest.split_at_checked(usize::from(first & 0x7f)).filter(|(bytes, _)| bytes.len() <= 4)?;
            (bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
        };
        let (value, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(own, _)| *own == tag).map(|(_, value)| value)
    }

    fn inside(mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Reader)
    }

    fn find(&mut self, tag: u8) -> Option<&'a [u8]> {
        loop {
            let (own, value) = self.next()?;
            if own == tag {
                return Some(value);
            }
        }
    }
}
