//! Choices: enums without bodies.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, spanned::Spanned};

use crate::attributes::{literal, snake};

pub fn choice(input: &DeriveInput) -> syn::Result<TokenStream> {
    let name = &input.ident;
    let text = name.to_string();
    let Data::Enum(data) = &input.data else {
        return Err(syn::Error::new(input.span(), "a choice is an enum"));
    };
    if let Some(variant) = data.variants.iter().find(|variant| !matches!(variant.fields, Fields::Unit)) {
        return Err(syn::Error::new(variant.span(), "the options of a choice have no body"));
    }
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let option = |variant: &syn::Variant| -> syn::Result<String> {
        Ok(literal(&variant.attrs, "name")?.unwrap_or_else(|| snake(&variant.ident.to_string())))
    };
    let options = data.variants.iter().map(option).collect::<syn::Result<Vec<_>>>()?;
    Ok(quote! {
        impl ::daybook_kernel::Choice for #name {
            const OPTIONS: &'static [&'static str] = &[#(#options),*];
            const ALL: &'static [Self] = &[#(Self::#variants),*];

            fn name(self) -> &'static str {
                match self { #(Self::#variants => #options),* }
            }
        }

        impl ::daybook_kernel::Value for #name {
            const SHAPE: ::daybook_kernel::Shape = ::daybook_kernel::Shape::Choice {
                name: #text,
                options: <#name as ::daybook_kernel::Choice>::OPTIONS,
            };

            fn to_datum(&self) -> ::daybook_kernel::Datum {
                ::daybook_kernel::Datum::text(::daybook_kernel::Choice::name(*self))
            }

            fn from_datum(datum: ::daybook_kernel::Datum) -> ::core::result::Result<Self, ::daybook_kernel::Malformed> {
                match datum.as_text() {
                    #(::core::option::Option::Some(#options) => ::core::result::Result::Ok(Self::#variants),)*
                    _ => ::core::result::Result::Err(datum.not(#text, "one of its options")),
                }
            }
        }
    })
}
