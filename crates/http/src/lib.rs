//! The messages every protocol speaks: heads, headers, bodies, methods, statuses, targets; and in [`h1`] the HTTP/1
//! wire format without I/O. It opens no socket, knows no clock and holds no global.

pub mod accept;
mod body;
pub mod cookie;
mod decimal;
pub mod h1;
mod head;
mod header_name;
pub mod headers;
pub mod host;
mod known;
mod method;
pub mod path;
pub mod percent;
pub mod query;
mod scan;
mod status;
mod target;

pub use body::BodyError;
pub use body::BodySource;
pub use body::Framing;
pub use body::Part;
pub use decimal::Decimal;
pub use head::RequestHead;
pub use head::ResponseHead;
pub use head::Version;
pub use header_name::HeaderName;
pub use header_name::Name;
pub use headers::Headers;
pub use known::Known;
pub use known::KnownSet;
pub use method::Method;
pub use status::Status;
pub use target::BadTarget;
pub use target::Form;
pub use target::Target;
