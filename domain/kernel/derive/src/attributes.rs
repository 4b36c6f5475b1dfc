//! What the derives read from attributes: doc comments, and names in snake case.

use syn::{Attribute, Expr, Lit, Meta};

/// The doc comment as one text.
pub fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// The words of `#[name(word, word)]`; an unknown word is an error.
pub fn words(attributes: &[Attribute], name: &str, known: &[&str]) -> syn::Result<Vec<String>> {
    let mut found = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        attribute.parse_nested_meta(|meta| {
            let word = meta.path.require_ident()?.to_string();
            if !known.contains(&word.as_str()) {
                return Err(meta.error(format!("known are {}", known.join(", "))));
            }
            found.push(word);
            Ok(())
        })?;
    }
    Ok(found)
}

/// The pairs of `#[name(key = "value")]`; an unknown key is an error.
pub fn pairs(attributes: &[Attribute], name: &str, known: &[&str]) -> syn::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        attribute.parse_nested_meta(|meta| {
            let key = meta.path.require_ident()?.to_string();
            if !known.contains(&key.as_str()) {
                return Err(meta.error(format!("known are {}", known.join(", "))));
            }
            found.push((key, meta.value()?.parse::<syn::LitStr>()?.value()));
            Ok(())
        })?;
    }
    Ok(found)
}

/// The text of `#[name("text")]`.
pub fn literal(attributes: &[Attribute], name: &str) -> syn::Result<Option<String>> {
    let found = attributes.iter().find(|attribute| attribute.path().is_ident(name));
    found.map(|attribute| attribute.parse_args::<syn::LitStr>().map(|text| text.value())).transpose()
}

/// `PutOnHold` as `put_on_hold`.
pub fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (n, c) in name.char_indices() {
        if c.is_uppercase() && n > 0 {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}
