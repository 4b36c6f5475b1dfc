//! Commands and events: enums whose variants have one body or none.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Fields, Type, spanned::Spanned};

use crate::attributes::{doc, literal, snake};

struct Variant<'a> {
    ident: &'a syn::Ident,
    name: String,
    doc: String,
    wire: Option<String>,
    body: Option<&'a Type>,
}

fn variants(input: &DeriveInput) -> syn::Result<Vec<Variant<'_>>> {
    let Data::Enum(data) = &input.data else {
        return Err(syn::Error::new(input.span(), "commands and events are enums"));
    };
    let variant = |variant: &'_ syn::Variant| -> syn::Result<Option<Type>> {
        match &variant.fields {
            Fields::Unit => Ok(None),
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => Ok(Some(fields.unnamed[0].ty.clone())),
            _ => Err(syn::Error::new(variant.span(), "a command or event has one body or none")),
        }
    };
    data.variants
        .iter()
        .map(|found| {
            variant(found)?;
            Ok(Variant {
                ident: &found.ident,
                name: snake(&found.ident.to_string()),
                doc: doc(&found.attrs),
                wire: literal(&found.attrs, "wire")?,
                body: found.fields.iter().next().map(|field| &field.ty),
            })
        })
        .collect()
}

fn shape(variant: &Variant<'_>, of: &TokenStream, more: &TokenStream) -> TokenStream {
    let (name, about) = (&variant.name, &variant.doc);
    let body = match variant.body {
        Some(body) => quote!(<#body as ::daybook_kernel::log::Item>::RECORD),
        None => quote!(&::daybook_kernel::RecordShape::EMPTY),
    };
    quote!(#of { name: #name, doc: #about, body: #body, #more })
}

fn build(variants: &[Variant<'_>], text: &str) -> TokenStream {
    let arms = variants.iter().enumerate().map(|(index, variant)| {
        let ident = variant.ident;
        match variant.body {
            Some(_) => quote!(#index => ::daybook_kernel::Value::from_datum(body).map(Self::#ident),),
            None => quote!(#index => ::core::result::Result::Ok(Self::#ident),),
        }
    });
    quote! {
        fn build(index: usize, body: ::daybook_kernel::Datum) -> ::core::result::Result<Self, ::daybook_kernel::Malformed> {
            match index {
                #(#arms)*
                _ => ::core::result::Result::Err(body.not(#text, "one of its variants")),
            }
        }
    }
}

pub fn commands(input: &DeriveInput) -> syn::Result<TokenStream> {
    let name = &input.ident;
    let kind = format_ident!("Kind");
    let variants = variants(input)?;
    let idents: Vec<_> = variants.iter().map(|variant| variant.ident).collect();
    let docs: Vec<_> = variants.iter().map(|variant| &variant.doc).collect();
    let shapes = variants.iter().map(|variant| shape(variant, &quote!(::daybook_kernel::CommandShape), &quote!()));
    let build = build(&variants, &name.to_string());
    let visibility = &input.vis;
    Ok(quote! {
        /// A command without its body.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #visibility enum #kind { #(#[doc = #docs] #idents),* }

        impl ::daybook_kernel::Commands for #name {
            type Kind = #kind;
            const KINDS: &'static [#kind] = &[#(#kind::#idents),*];
            const SHAPES: &'static [::daybook_kernel::CommandShape] = &[#(#shapes),*];

            #build
        }
    })
}

pub fn events(input: &DeriveInput) -> syn::Result<TokenStream> {
    let name = &input.ident;
    let variants = variants(input)?;
    let shapes = variants.iter().map(|variant| {
        let wire = match &variant.wire {
            Some(wire) => quote!(wire: ::core::option::Option::Some(#wire)),
            None => quote!(wire: ::core::option::Option::None),
        };
        shape(variant, &quote!(::daybook_kernel::EventShape), &wire)
    });
    let build = build(&variants, &name.to_string());
    let index = variants.iter().enumerate().map(|(index, variant)| {
        let ident = variant.ident;
        match variant.body {
            Some(_) => quote!(Self::#ident(_) => #index),
            None => quote!(Self::#ident => #index),
        }
    });
    let body = variants.iter().map(|variant| {
        let ident = variant.ident;
        match variant.body {
            Some(_) => quote!(Self::#ident(body) => ::daybook_kernel::Value::to_datum(body)),
            None => quote!(Self::#ident => ::daybook_kernel::Datum::Record(::std::vec::Vec::new())),
        }
    });
    Ok(quote! {
        impl ::daybook_kernel::Events for #name {
            const SHAPES: &'static [::daybook_kernel::EventShape] = &[#(#shapes),*];

            fn index(&self) -> usize {
                match self { #(#index),* }
            }

            fn body(&self) -> ::daybook_kernel::Datum {
                match self { #(#body),* }
            }

            #build
        }
    })
}
