//! Sizes and times as nginx writes them: `8k`, `10m`, `75s`, `1m 30s`. No bare Lua numbers; those are numbers.

use std::time::Duration;

/// Reads a size in bytes: digits with `k`, `m` or `g`, in either case, or none.
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, factor) = match text.bytes().last()?.to_ascii_lowercase() {
        b'k' => (&text[..text.len() - 1], 1 << 10),
        b'm' => (&text[..text.len() - 1], 1 << 20),
        b'g' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// Reads a time: numbers with `ms`, `s`, `m`, `h`, `d`, `w`, `M` (30 days) or `y` (365 days), added up; seconds without a unit.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let milliseconds = match &after[..letters] {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "M" => 30 * 86_400_000,
            "y" => 365 * 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(milliseconds)?))?;
        rest = after[letters..].trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        for (text, want) in [
            ("0", Some(0)),
            ("8k", Some(8192)),
            ("10M", Some(10 << 20)),
            ("1g", Some(1 << 30)),
            ("x", None),
            ("", None),
            ("-1", None),
            ("9é", None),
        ] {
            assert_eq!(size(text), want, "{text}");
        }
    }

    #[test]
    fn reads_times() {
        for (text, want) in [
            ("75", Some(75_000)),
            ("75s", Some(75_000)),
            ("1m 30s", Some(90_000)),
            ("1m30s", Some(90_000)),
            ("500ms", Some(500)),
            ("1d", Some(86_400_000)),
            ("s", None),
            ("", None),
            ("1x", None),
        ] {
            assert_eq!(duration(text), want.map(Duration::from_millis), "{text}");
        }
    }
}
