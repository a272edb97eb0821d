//! `name:value` pairs as both transformers write them.

/// One edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// What stands before the first colon.
    pub(crate) name: String,
    /// What stands behind the colons; `None` if nothing does.
    pub(crate) value: Option<String>,
}

/// Reads a list of pairs. Colons right behind the name are all taken away, as Kong's pattern does.
pub(crate) fn pairs(list: &[String]) -> Vec<Pair> {
    let read = |text: &String| {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let value = rest.trim_start_matches(':');
        Pair { name: name.to_owned(), value: (!value.is_empty()).then(|| value.to_owned()) }
    };
    list.iter().map(read).collect()
}

/// Tells whether both sides of `old:new` are names of headers; the message is Kong's.
pub(crate) fn check_header_names(pair: &str) -> Result<(), String> {
    let (old, new) = pair.split_once(':').unwrap_or((pair, ""));
    for name in [old, new.trim_start_matches(':')] {
        if gibbon_schema::typedefs::text::header_name(name).is_err() {
            return Err(format!("'{name}' is not a valid header"));
        }
    }
    Ok(())
}
