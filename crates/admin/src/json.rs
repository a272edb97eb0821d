//! JSON as Kong prints it: compact, `/` as it is, numbers with up to 16 significant digits.
//! It does not order keys; documents come in the order of their schema.

use std::io;
use std::io::Write;

use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::ser::Serializer;

/// Returns the bytes of `value`.
#[must_use]
pub(crate) fn encode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, Numbers))
        .expect("invariant: a JSON value can be written to memory");
    bytes
}

/// Returns a number as C's `%.16g` prints it, which is what lua-cjson uses.
#[must_use]
pub(crate) fn number(value: f64) -> String {
    const DIGITS: i32 = 16;
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let scientific = format!("{value:.15e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("invariant: `{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("invariant: the exponent is an integer");
    if (-4..DIGITS).contains(&exponent) {
        let places = usize::try_from(DIGITS - 1 - exponent).unwrap_or(0);
        return trimmed(&format!("{value:.places$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// Writes numbers the way Lua's are written.
struct Numbers;

impl Formatter for Numbers {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(number(value).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn prints_numbers_as_lua_does() {
        for (value, want) in [
            (1_795_216_164.432, "1795216164.432"),
            (0.1, "0.1"),
            (5.0, "5"),
            (1e15, "1000000000000000"),
            (1e16, "1e+16"),
            (1.5e-7, "1.5e-07"),
            (0.000_1, "0.0001"),
            (-2.25, "-2.25"),
            (0.1 + 0.2, "0.3"),
        ] {
            assert_eq!(number(value), want, "{value}");
        }
    }

    #[test]
    fn keeps_slashes_and_empty_lists() {
        let value = json!({ "a": [], "b": "/x\u{e9}", "c": 1.0, "d": null });
        assert_eq!(String::from_utf8_lossy(&encode(&value)), "{\"a\":[],\"b\":\"/x\u{e9}\",\"c\":1,\"d\":null}");
    }
}
