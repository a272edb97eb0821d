//! Fuzz targets: one function for each family of parsers of outside bytes, which asserts what must hold for any bytes.
//! `fuzz_targets/` hands them to libFuzzer, the smoke test below runs them over the seeds and mutations of these.
//! It finds no seeds by itself and keeps no corpus beyond `seeds/`.

mod declarative;
mod form;
mod request;
mod response;
mod routes;
mod settings;
#[cfg(test)]
mod smoke;

use std::sync::LazyLock;

use gibbon_model::Catalog;
use gibbon_model::entities;
use gibbon_schema::testing::GOLDEN_OPTIONS;
use gibbon_sdk::PluginDef;

pub use declarative::declarative;
pub use form::form;
pub use request::request;
pub use response::response;
pub use routes::routes;
pub use settings::settings;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target with its name, which is also that of its seeds and of its wrapper.
pub const TARGETS: &[(&str, Target)] = &[
    ("request", request),
    ("response", response),
    ("form", form),
    ("declarative", declarative),
    ("settings", settings),
    ("routes", routes),
];

/// Makes the wrapper of a target: libFuzzer's entry, or without it a program that runs the files it is given.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$name(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            std::env::args_os().skip(1).try_for_each(|path| std::fs::read(path).map(|data| $crate::$name(&data)))
        }
    };
}

/// Core entities and plugins whose configuration is rich in kinds of fields.
static CATALOG: LazyLock<std::sync::Arc<Catalog>> = LazyLock::new(|| {
    let plugins = [
        PluginDef::of::<gibbon_plugins_auth::acl::Acl>(),
        PluginDef::of::<gibbon_plugins_auth::key_auth::KeyAuth>(),
        PluginDef::of::<gibbon_plugins_traffic::cors::Cors>(),
        PluginDef::of::<gibbon_plugins_traffic::ip_restriction::IpRestriction>(),
        PluginDef::of::<gibbon_plugins_traffic::rate_limiting::RateLimiting>(),
        PluginDef::of::<gibbon_plugins_transform::request_transformer::RequestTransformer>(),
    ];
    let of_plugins = plugins.iter().flat_map(|plugin| &plugin.entities).map(|entity| entity.def);
    let kinds = plugins.iter().map(|plugin| plugin.kind.clone());
    Catalog::new(entities::core().chain(of_plugins), kinds, GOLDEN_OPTIONS).into()
});

/// Splits what is left of some bytes into pieces of sizes that depend on the bytes alone.
fn steps(data: &[u8]) -> impl FnMut() -> usize {
    let mut state = data
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1 + (state >> 33) as usize % 9
    }
}
