//! Reads `a=1&b=2` as nginx's Lua module reads queries and forms: a name without `=` is true, empty names are dropped,
//! a repeated name makes a list.

use percent_encoding::percent_decode;

/// More names than this are refused.
const MAX: usize = 1000;
/// A name with more steps than this is refused: documents of that depth would exhaust the stack. As deep as JSON may be.
const MAX_DEPTH: usize = 128;

/// One value of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// `name=text`.
    Text(String),
    /// `name` alone.
    True,
}

/// Names in the order in which they first appear, each with its values.
pub(crate) type Pairs = Vec<(String, Vec<Argument>)>;

/// Why arguments are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// There are more than a thousand names.
    #[error("Too many arguments")]
    TooMany,
    /// A name says more than 128 steps, such as `a.b.c…`.
    #[error("Arguments are nested too deeply")]
    TooDeep,
}

/// Returns the pairs of a query or a form body.
///
/// # Errors
/// When there are more than a thousand, or one is too deep.
pub(crate) fn parse(input: &[u8]) -> Result<Pairs, Refused> {
    let mut pairs = Pairs::new();
    let mut count = 0;
    for part in input.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
        let (name, value) = match part.iter().position(|byte| *byte == b'=') {
            Some(at) => (&part[..at], Argument::Text(decoded(&part[at + 1..]))),
            None => (part, Argument::True),
        };
        let name = decoded(name);
        if name.is_empty() {
            continue;
        }
        check_depth(&name)?;
        count += 1;
        if count > MAX {
            return Err(Refused::TooMany);
        }
        add(&mut pairs, name, value);
    }
    Ok(pairs)
}

/// Refuses a name with too many steps: dots, and brackets, also those that were escaped twice.
///
/// # Errors
/// Too deep.
pub(crate) fn check_depth(name: &str) -> Result<(), Refused> {
    let escaped = |at: usize| name.as_bytes()[at..].get(..3).is_some_and(|three| three.eq_ignore_ascii_case(b"%5b"));
    let step = |(at, byte): &(usize, u8)| matches!(byte, b'.' | b'[') || (*byte == b'%' && escaped(*at));
    if name.bytes().enumerate().filter(step).nth(MAX_DEPTH).is_some() { Err(Refused::TooDeep) } else { Ok(()) }
}

/// Adds a value to those of its name.
pub(crate) fn add(pairs: &mut Pairs, name: String, value: Argument) {
    match pairs.iter_mut().find(|(held, _)| *held == name) {
        Some((_, values)) => values.push(value),
        None => pairs.push((name, vec![value])),
    }
}

/// Returns text with `%XX` and `+` decoded; bytes that are no UTF-8 become the replacement character.
pub(crate) fn decoded(bytes: &[u8]) -> String {
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn reads_pairs() {
        let text = |text: &str| Argument::Text(text.to_owned());
        assert_eq!(
            parse(b"a=1&b&=x&&a=2%2f+&c=").unwrap(),
            [
                ("a".to_owned(), vec![text("1"), text("2/ ")]),
                ("b".to_owned(), vec![Argument::True]),
                ("c".to_owned(), vec![text("")]),
            ]
        );
    }

    #[test]
    fn refuses_more_than_a_thousand() {
        assert!(parse("a=1&".repeat(1000).as_bytes()).is_ok());
        assert_eq!(parse("a=1&".repeat(1001).as_bytes()), Err(Refused::TooMany));
    }

    #[test]
    fn refuses_names_that_are_too_deep() {
        for step in [".a", "[a]", "[]", "%5Ba%5D", "%5ba%5d"] {
            assert_eq!(check_depth(&format!("a{}", step.repeat(MAX_DEPTH))), Ok(()), "{step}");
            assert_eq!(check_depth(&format!("a{}", step.repeat(MAX_DEPTH + 1))), Err(Refused::TooDeep), "{step}");
        }
        assert_eq!(parse(format!("a{}=1", ".a".repeat(200)).as_bytes()), Err(Refused::TooDeep));
        assert_eq!(check_depth("a%"), Ok(()));
    }
}
