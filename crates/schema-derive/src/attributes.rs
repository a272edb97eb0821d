//! Reading the attributes: items of `#[field(…)]` and `#[record(…)]`, serde's names, doc comments.
//! It gives no meaning to them.

use proc_macro2::Delimiter;
use proc_macro2::TokenStream;
use proc_macro2::TokenTree;
use syn::Attribute;
use syn::Expr;
use syn::ExprLit;
use syn::Ident;
use syn::Lit;
use syn::Meta;
use syn::Token;
use syn::ext::IdentExt;
use syn::parse::Parse;
use syn::parse::ParseStream;
use syn::parse::discouraged::Speculative;
use syn::punctuated::Punctuated;

/// One item of an attribute: `name`, `name(args)` or `name = value`.
pub(crate) struct Item {
    pub(crate) name: Ident,
    pub(crate) value: ItemValue,
}

pub(crate) enum ItemValue {
    Flag,
    Args(TokenStream),
    Is(TokenStream),
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.call(Ident::parse_any)?;
        let value = if input.peek(syn::token::Paren) {
            let args;
            syn::parenthesized!(args in input);
            ItemValue::Args(args.parse()?)
        } else if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            ItemValue::Is(parse_value(input)?)
        } else {
            ItemValue::Flag
        };
        Ok(Self { name, value })
    }
}

/// Takes an expression, or, for JSON objects, everything up to the next comma.
fn parse_value(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let ahead = input.fork();
    if let Ok(expr) = ahead.parse::<Expr>()
        && (ahead.is_empty() || ahead.peek(Token![,]))
    {
        input.advance_to(&ahead);
        return Ok(quote::quote!(#expr));
    }
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    Ok(tokens)
}

/// Returns the items of all attributes called `name`, in order.
pub(crate) fn items(attributes: &[Attribute], name: &str) -> syn::Result<Vec<Item>> {
    let mut all = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        all.extend(attribute.parse_args_with(Punctuated::<Item, Token![,]>::parse_terminated)?);
    }
    Ok(all)
}

/// Returns the text of the doc comment with line breaks inside a paragraph joined.
pub(crate) fn description(attributes: &[Attribute]) -> Option<String> {
    let mut text = String::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else { continue };
        let (true, Some(line)) = (attribute.path().is_ident("doc"), string(&pair.value)) else { continue };
        match line.trim() {
            "" if text.is_empty() || text.ends_with('\n') => {}
            "" => text.push('\n'),
            line => {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push(' ');
                }
                text.push_str(line);
            }
        }
    }
    let text = text.trim_end().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Returns the text of `key = "…"` among serde's attributes.
pub(crate) fn serde(attributes: &[Attribute], key: &str) -> syn::Result<Option<String>> {
    let item = items(attributes, "serde")?.into_iter().find(|item| item.name == key);
    Ok(item.and_then(|item| match item.value {
        ItemValue::Is(tokens) => syn::parse2::<Expr>(tokens).ok().as_ref().and_then(string),
        _ => None,
    }))
}

fn string(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// Returns the inside when the tokens are one parenthesised group, as in `between = (0, 9)`.
pub(crate) fn tuple(tokens: &TokenStream) -> Option<TokenStream> {
    let mut trees = tokens.clone().into_iter();
    match (trees.next(), trees.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::Parenthesis => Some(group.stream()),
        _ => None,
    }
}
