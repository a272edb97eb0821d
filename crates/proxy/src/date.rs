//! Moments as text: the Date header and the access log's time. From seconds since the epoch, without a time zone database.

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Year, month from 0 and day from 1 of a day since the epoch (the civil calendar of Howard Hinnant's algorithm).
fn civil(day: u64) -> (u64, usize, u64) {
    let z = day + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = (shifted + 2) % 12;
    let year = year_of_era + era * 400 + u64::from(month < 2);
    (year, month as usize, of_year - (153 * shifted + 2) / 5 + 1)
}

fn digits<const N: usize>(mut value: u64) -> [u8; N] {
    let mut out = [b'0'; N];
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out
}

fn put(out: &mut [u8], at: usize, text: &[u8]) {
    out[at..at + text.len()].copy_from_slice(text);
}

/// Returns the IMF-fixdate of a moment (RFC 9110 §5.6.7), such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn imf(seconds: u64) -> [u8; 29] {
    let (year, month, day) = civil(seconds / 86_400);
    let mut out = *b"???, DD MMM YYYY HH:MM:SS GMT";
    put(&mut out, 0, DAYS[(seconds / 86_400 % 7) as usize].as_bytes());
    put(&mut out, 5, &digits::<2>(day));
    put(&mut out, 8, MONTHS[month].as_bytes());
    put(&mut out, 12, &digits::<4>(year));
    put(&mut out, 17, &clock_time(seconds));
    out
}

/// Returns nginx's `$time_local` of a moment, in UTC: `06/Nov/1994:08:49:37 +0000`.
pub(crate) fn log(seconds: u64) -> [u8; 26] {
    let (year, month, day) = civil(seconds / 86_400);
    let mut out = *b"DD/MMM/YYYY:HH:MM:SS +0000";
    put(&mut out, 0, &digits::<2>(day));
    put(&mut out, 3, MONTHS[month].as_bytes());
    put(&mut out, 7, &digits::<4>(year));
    put(&mut out, 12, &clock_time(seconds));
    out
}

fn clock_time(seconds: u64) -> [u8; 8] {
    let mut out = *b"HH:MM:SS";
    put(&mut out, 0, &digits::<2>(seconds / 3_600 % 24));
    put(&mut out, 3, &digits::<2>(seconds / 60 % 60));
    put(&mut out, 6, &digits::<2>(seconds % 60));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates() {
        for (seconds, want) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
        ] {
            assert_eq!(imf(seconds), want.as_bytes(), "{seconds}");
        }
        assert_eq!(&log(784_111_777), b"06/Nov/1994:08:49:37 +0000");
    }
}
