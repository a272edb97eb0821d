//! The pages and reason phrases that nginx gives for Kong: what clients see of errors that no endpoint answered.

use http::StatusCode;

/// Content type of the pages.
pub(crate) const HTML: &str = "text/html; charset=UTF-8";

/// Returns the reason phrase nginx sends with a status, where it differs from the registered one.
#[must_use]
pub(crate) fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        302 => "Moved Temporarily",
        405 => "Not Allowed",
        408 => "Request Time-out",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        _ => status.canonical_reason().unwrap_or("Unknown"),
    }
}

/// Returns the page nginx shows for a status, with its signature off.
#[must_use]
pub(crate) fn page(status: StatusCode) -> String {
    let title = format!("{} {}", status.as_u16(), reason(status));
    format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_lengths_of_nginx() {
        for (status, length) in [(400, 122), (404, 118), (405, 122), (413, 148), (415, 144), (505, 152)] {
            let status = StatusCode::from_u16(status).expect("valid");
            assert_eq!(page(status).len(), length, "{status}");
        }
    }
}
