//! The expansion of `#[derive(Record)]`.
//! One statement an attribute item; nothing is checked here that the compiler checks in the expansion.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Data;
use syn::DeriveInput;
use syn::Expr;
use syn::Field;
use syn::Fields;
use syn::Token;
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::punctuated::Punctuated;

use crate::attributes;
use crate::attributes::Item;
use crate::attributes::ItemValue;

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new_spanned(&input.ident, "a record is a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new_spanned(&input.ident, "a record has named fields"));
    };
    let rename_all = attributes::serde(&input.attrs, "rename_all")?;
    let fields: Vec<_> =
        fields.named.iter().map(|field| expand_field(field, rename_all.as_deref())).collect::<syn::Result<_>>()?;
    let record_items = attributes::items(&input.attrs, "record")?;
    let calls = record_items.iter().map(|item| {
        let name = &item.name;
        match &item.value {
            ItemValue::Flag => quote!(let record = record.#name();),
            ItemValue::Args(args) | ItemValue::Is(args) => quote!(let record = record.#name(#args);),
        }
    });
    let description = attributes::description(&input.attrs).map(|text| quote!(let record = record.description(#text);));
    let ident = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        impl #generics ::gibbon_schema::Typed for #ident #arguments #bounds {
            fn record() -> ::gibbon_schema::Record {
                #[allow(unused_imports)]
                use ::gibbon_schema::check::*;
                let record = ::gibbon_schema::Record::new([#(#fields),*]);
                #description
                #(#calls)*
                record
            }
        }

        impl #generics ::gibbon_schema::FieldType for #ident #arguments #bounds {
            fn field() -> ::gibbon_schema::Field {
                ::gibbon_schema::Field::record(<Self as ::gibbon_schema::Typed>::record())
            }
        }
    })
}

fn expand_field(field: &Field, rename_all: Option<&str>) -> syn::Result<TokenStream> {
    let items = attributes::items(&field.attrs, "field")?;
    let ident = field.ident.as_ref().expect("invariant: a named field has a name");
    let own = ident.unraw().to_string();
    let name = match attributes::serde(&field.attrs, "rename")? {
        Some(name) => name,
        None if rename_all == Some("kebab-case") => own.replace('_', "-"),
        None => own,
    };
    let ty = &field.ty;
    let base = match items.iter().find(|item| item.name == "base") {
        Some(item) => base(item)?,
        None => quote!(<#ty as ::gibbon_schema::FieldType>::field()),
    };
    let description = attributes::description(&field.attrs).map(|text| quote!(let field = field.description(#text);));
    let calls = field_calls(&items)?;
    Ok(quote! {{
        let field = #base.named(#name);
        let field = ::gibbon_schema::require_unless_nullable::<#ty>(field);
        #description
        #calls
        field
    }})
}

/// A ready-made field: a path is a function to call, anything else an expression.
fn base(item: &Item) -> syn::Result<TokenStream> {
    let ItemValue::Is(tokens) = &item.value else {
        return Err(syn::Error::new(item.name.span(), "write `base = typedefs::…`"));
    };
    Ok(match syn::parse2::<Expr>(tokens.clone())? {
        Expr::Path(path) => quote!(#path()),
        expr => quote!(#expr),
    })
}

fn field_calls(items: &[Item]) -> syn::Result<TokenStream> {
    let mut calls = TokenStream::new();
    for item in items {
        let name = &item.name;
        calls.extend(match (name.to_string().as_str(), &item.value) {
            ("base", _) => quote!(),
            ("default" | "eq" | "ne" | "contains" | "old_default", ItemValue::Is(json)) => {
                quote!(let field = field.#name(::gibbon_schema::json!(#json));)
            }
            ("required", ItemValue::Is(_)) => quote!(let field = field.optional();),
            ("name", ItemValue::Is(text)) => quote!(let field = field.named(#text);),
            ("elements" | "keys" | "values", ItemValue::Args(args)) => {
                let map = quote::format_ident!("map_{name}", span = name.span());
                let inner = Punctuated::<Item, Token![,]>::parse_terminated.parse2(args.clone())?;
                let inner: Vec<_> = inner.into_iter().collect();
                let base = match inner.iter().find(|item| item.name == "base") {
                    Some(item) => {
                        let base = base(item)?;
                        quote!(let field = { let _ = field; #base };)
                    }
                    None => quote!(),
                };
                let calls = field_calls(&inner)?;
                quote!(let field = field.#map(|field| { #base #calls field });)
            }
            (_, ItemValue::Flag) => quote!(let field = field.#name();),
            (_, ItemValue::Args(args)) => quote!(let field = field.#name(#args);),
            (_, ItemValue::Is(value)) => {
                let args = attributes::tuple(value).unwrap_or_else(|| value.clone());
                quote!(let field = field.#name(#args);)
            }
        });
    }
    Ok(calls)
}
