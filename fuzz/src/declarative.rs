//! Declarative configuration, JSON and YAML, through the schemas of all entities.

use std::sync::LazyLock;

use gibbon_model::declarative;
use gibbon_model::declarative::Declarative;
use gibbon_model::declarative::Exporter;
use gibbon_model::declarative::Format;
use gibbon_schema::testing::TestWorld;

use crate::CATALOG;

static DECLARATIVE: LazyLock<Declarative> = LazyLock::new(|| Declarative::new(CATALOG.clone()));

/// - A tree that was read is read again from what is written of it, as YAML and as JSON;
/// - a configuration is accepted or refused, the same twice, and errors can be told in every form;
/// - what was accepted is the same configuration when it is exported and read again.
pub fn declarative(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for format in [Format::Json, Format::Yaml, Format::Any] {
        let Ok(tree) = declarative::read(text, format) else { continue };
        let yaml = declarative::to_yaml(&tree);
        assert_eq!(declarative::read(&yaml, Format::Yaml).as_ref(), Ok(&tree), "{yaml}");
    }
    let parsed = match DECLARATIVE.parse(text, Format::Any, &TestWorld::default()) {
        Ok(parsed) => parsed,
        Err(refused) => {
            assert_eq!(DECLARATIVE.parse(text, Format::Any, &TestWorld::default()), Err(refused.clone()));
            let _ = (refused.errors.to_text(), refused.errors.flatten(&refused.input, &CATALOG));
            return;
        }
    };
    let mut exporter = Exporter::new();
    let documents: Vec<_> = parsed.unpacked().collect();
    for (entity, document) in &documents {
        exporter.add(CATALOG.entity(entity).expect("parsed documents are of entities that there are"), document);
    }
    let file = exporter.finish();
    match DECLARATIVE.parse(&file, Format::Yaml, &TestWorld::default()) {
        Ok(again) => assert_eq!(again.unpacked().collect::<Vec<_>>(), documents, "{file}"),
        Err(refused) => panic!("{:?}\n{file}", refused.errors),
    }
}
