//! Hashes the sources of each context, so that views know when `evolve` may have changed, and stored books when what they
//! index may have.
//!
//! What cannot change a folded state is left out: comments, layout, tests, and the functions of an aggregate that only
//! decide. All else counts, since `evolve` may call it; so a hash may change without need, but never stays by mistake.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use quote::ToTokens;
use sha2::{Digest, Sha256};
use syn::{Attribute, File, ImplItem, Item};

const CONTEXTS: [&str; 4] = ["tenancy", "identity", "incident", "cmdb"];

/// Functions of `Aggregate` that no fold calls.
const DECIDING: [&str; 5] = ["decide", "rule", "unique", "counts", "fact"];

/// Those of them that do not count for the books of an owner either: what is unique, and what counts, is indexed there.
const NOT_IN_BOOKS: [&str; 3] = ["decide", "rule", "fact"];

fn main() {
    let domain = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let hashes: Vec<String> = CONTEXTS
        .iter()
        .map(|context| {
            let folder = domain.join(context).join("src");
            println!("cargo::rerun-if-changed={}", folder.display());
            format!("({context:?}, {:?}, {:?})", fingerprint(&folder, &DECIDING), fingerprint(&folder, &NOT_IN_BOOKS))
        })
        .collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("evolve.rs");
    fs::write(out, format!("[{}]", hashes.join(", "))).expect("the build folder can be written");
}

fn fingerprint(folder: &Path, without: &[&str]) -> String {
    let mut hash = Sha256::new();
    for path in sources(folder) {
        let text = fs::read_to_string(&path).expect("a source that can be read");
        hash.update(path.strip_prefix(folder).expect("it lies in the folder").to_string_lossy().as_bytes());
        match syn::parse_file(&text) {
            Ok(file) => hash.update(what_counts(file, without).as_bytes()),
            // The compiler will say what is wrong with it.
            Err(_) => hash.update(text.as_bytes()),
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every source below the folder, in a fixed order; files and folders named `tests` hold nothing else.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a context has sources");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.file_stem().is_none_or(|stem| stem != "tests" && stem != "scenarios"));
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => found.extend(sources(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            false => {}
        }
    }
    found
}

fn what_counts(mut file: File, without: &[&str]) -> String {
    strip(&mut file.items, without);
    let items: Vec<String> = file.items.iter().map(|item| without_docs(item.to_token_stream())).collect();
    items.join("\n")
}

fn strip(items: &mut Vec<Item>, without: &[&str]) {
    items.retain(|item| match item {
        Item::Mod(module) => !is_test(&module.attrs),
        Item::Fn(function) => !is_test(&function.attrs),
        Item::Use(import) => !is_test(&import.attrs),
        _ => true,
    });
    for item in items {
        match item {
            Item::Impl(block) if is_aggregate(block) => block.items.retain(|item| match item {
                ImplItem::Fn(function) => !without.contains(&function.sig.ident.to_string().as_str()),
                _ => true,
            }),
            Item::Mod(module) => {
                if let Some((_, items)) = &mut module.content {
                    strip(items, without);
                }
            }
            _ => {}
        }
    }
}

fn is_aggregate(block: &syn::ItemImpl) -> bool {
    let of = block.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
    of.is_some_and(|segment| segment.ident == "Aggregate")
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg") && attribute.to_token_stream().to_string().contains("test")
    })
}

/// The tokens as text, without `#[doc = …]`.
fn without_docs(tokens: proc_macro2::TokenStream) -> String {
    use proc_macro2::TokenTree;
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut text = String::new();
    let mut at = 0;
    while at < tokens.len() {
        match (&tokens[at], tokens.get(at + 1)) {
            (TokenTree::Punct(hash), Some(TokenTree::Group(attribute)))
                if hash.as_char() == '#' && attribute.stream().to_string().starts_with("doc ") =>
            {
                at += 2;
                continue;
            }
            (TokenTree::Group(group), _) => {
                text.push_str(&format!("{:?}[{}]", group.delimiter(), without_docs(group.stream())));
            }
            (token, _) => text.push_str(&token.to_string()),
        }
        text.push(' ');
        at += 1;
    }
    text
}
