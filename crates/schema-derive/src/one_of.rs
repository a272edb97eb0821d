//! The expansion of `#[derive(OneOf)]`.
//! It reads serde's naming, so that the schema and the parser cannot differ.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Data;
use syn::DeriveInput;
use syn::Fields;

use crate::attributes;

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(syn::Error::new_spanned(&input.ident, "a choice is an enum"));
    };
    let rename_all = attributes::serde(&input.attrs, "rename_all")?;
    let mut names = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(syn::Error::new_spanned(variant, "a choice carries no data"));
        }
        let own = variant.ident.to_string();
        names.push(match (attributes::serde(&variant.attrs, "rename")?, &rename_all) {
            (Some(name), _) => name,
            (None, Some(style)) => restyle(&own, style)
                .ok_or_else(|| syn::Error::new_spanned(&input.ident, format!("naming style `{style}` is not known")))?,
            (None, None) => own,
        });
    }
    let ident = &input.ident;
    Ok(quote! {
        impl ::gibbon_schema::FieldType for #ident {
            fn field() -> ::gibbon_schema::Field {
                ::gibbon_schema::Field::string().one_of([#(#names),*])
            }
        }
    })
}

/// Writes a variant's name in one of serde's styles.
fn restyle(name: &str, style: &str) -> Option<String> {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    Some(match style {
        "lowercase" => name.to_lowercase(),
        "UPPERCASE" => name.to_uppercase(),
        "snake_case" => snake,
        "SCREAMING_SNAKE_CASE" => snake.to_uppercase(),
        "kebab-case" => snake.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => snake.replace('_', "-").to_uppercase(),
        "PascalCase" => name.to_owned(),
        _ => return None,
    })
}
