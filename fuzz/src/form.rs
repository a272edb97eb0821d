//! Bodies with arguments: urlencoded, multipart and JSON, as plugins and as the Admin API read them.

use gibbon_http::query::Args;
use gibbon_schema::dry_run;
use gibbon_schema::testing::TestWorld;
use gibbon_sdk::form::Form;

use crate::CATALOG;

/// The first line is the Content-Type, the rest the body.
/// - What a plugin reads and writes it reads again;
/// - names and values are those of the WHATWG's form decoding;
/// - whatever document the Admin API makes of it, every entity's schema has an answer to it, and the same one twice.
pub fn form(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (content_type, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    if let Some(form) = Form::parse(content_type, body) {
        let again = Form::parse(content_type, &form.encode());
        assert_eq!(again.as_ref(), Some(&form));
        let _ = form.find("a");
    }
    decoded_as_everybody_does(body);
    let Ok(content_type) = std::str::from_utf8(content_type) else { return };
    for entity in CATALOG.entities() {
        let Some(document) = gibbon_admin::testing::document(content_type, body, &entity.record, &CATALOG) else {
            return;
        };
        let answer = || dry_run(&entity.record, document.clone(), &CATALOG.context(&TestWorld::default()));
        assert_eq!(answer(), answer());
    }
}

fn decoded_as_everybody_does(body: &[u8]) {
    let args = Args::parse(body, usize::MAX);
    let ours: Vec<_> = args
        .iter()
        .map(|arg| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (text(&arg.name), text(arg.value.as_deref().unwrap_or_default()))
        })
        .collect();
    let theirs: Vec<(String, String)> =
        form_urlencoded::parse(body).filter(|(name, _)| !name.is_empty()).map(|(n, v)| (n.into(), v.into())).collect();
    assert_eq!(ours, theirs);
}
