//! Records: bodies and states.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Field, Fields, spanned::Spanned};

use crate::attributes::{doc, pairs, words};

fn fields(input: &DeriveInput) -> syn::Result<Vec<&Field>> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => Ok(named.named.iter().collect()),
            Fields::Unit => Ok(Vec::new()),
            Fields::Unnamed(_) => Err(syn::Error::new(input.span(), "a record has named fields")),
        },
        _ => Err(syn::Error::new(input.span(), "a record is a struct")),
    }
}

/// The field's name on the wire: `r#type` is `type`.
fn wire_name(field: &Field) -> String {
    field.ident.as_ref().map(|ident| ident.to_string().trim_start_matches("r#").to_owned()).unwrap_or_default()
}

pub fn body(input: &DeriveInput) -> syn::Result<TokenStream> {
    let name = &input.ident;
    let text = name.to_string();
    let about = doc(&input.attrs);
    let fields = fields(input)?;
    let count = fields.len();
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let names: Vec<_> = fields.iter().map(|field| wire_name(field)).collect();
    let names = &names;
    let shapes = fields.iter().zip(names).map(|(field, name)| {
        let ty = &field.ty;
        let about = doc(&field.attrs);
        let view = words(&field.attrs, "view", &["filter", "sort", "search", "facet"])?;
        let has = |word: &str| view.iter().any(|found| found == word);
        let (filter, sort, search, facet) = (has("filter"), has("sort"), has("search"), has("facet"));
        let blind = blind(field, names)?;
        let referrers = !words(&field.attrs, "book", &["referrers"])?.is_empty();
        let belongs = match belongs(field)? {
            Some(belongs) => quote!(::core::option::Option::Some(#belongs)),
            None => quote!(::core::option::Option::None),
        };
        Ok(quote! {
            ::daybook_kernel::Field {
                name: #name,
                doc: #about,
                shape: <#ty as ::daybook_kernel::Value>::SHAPE,
                view: ::daybook_kernel::View { filter: #filter, sort: #sort, search: #search, facet: #facet },
                referrers: #referrers,
                blind: #blind,
                belongs: #belongs,
            }
        })
    });
    let shapes = shapes.collect::<syn::Result<Vec<_>>>()?;
    let fields_variable = if count == 0 { quote!(_fields) } else { quote!(mut fields) };
    Ok(quote! {
        impl ::daybook_kernel::log::Item for #name {
            const RECORD: &'static ::daybook_kernel::RecordShape = &::daybook_kernel::RecordShape {
                name: #text,
                doc: #about,
                fields: &[#(#shapes),*],
            };
        }

        impl ::daybook_kernel::Value for #name {
            const SHAPE: ::daybook_kernel::Shape =
                ::daybook_kernel::Shape::Record(<#name as ::daybook_kernel::log::Item>::RECORD);

            fn to_datum(&self) -> ::daybook_kernel::Datum {
                ::daybook_kernel::Datum::Record(vec![#(::daybook_kernel::Value::to_datum(&self.#idents)),*])
            }

            fn from_datum(datum: ::daybook_kernel::Datum) -> ::core::result::Result<Self, ::daybook_kernel::Malformed> {
                let #fields_variable = datum.into_fields(#text, #count)?;
                ::core::result::Result::Ok(Self { #(#idents: fields.take(#names)?),* })
            }
        }
    })
}

/// What the field says of whose the record is: `#[belongs(own)]`.
fn belongs(field: &Field) -> syn::Result<Option<TokenStream>> {
    let words = words(&field.attrs, "belongs", &["own", "team", "domain"])?;
    Ok(words.first().map(|word| match word.as_str() {
        "own" => quote!(::daybook_kernel::Belonging::Own),
        "team" => quote!(::daybook_kernel::Belonging::Team),
        _ => quote!(::daybook_kernel::Belonging::Domain),
    }))
}

/// The field that a blind index is the hash of.
fn blind(field: &Field, names: &[String]) -> syn::Result<TokenStream> {
    match pairs(&field.attrs, "field", &["blind"])?.into_iter().next() {
        None => Ok(quote!(::core::option::Option::None)),
        Some((_, of)) if names.contains(&of) => Ok(quote!(::core::option::Option::Some(#of))),
        Some((_, of)) => Err(syn::Error::new(field.span(), format!("there is no field {of} beside it"))),
    }
}

pub fn record(input: &DeriveInput) -> syn::Result<TokenStream> {
    let body = body(input)?;
    let name = &input.ident;
    let text = name.to_string();
    let known = ["context", "plural", "path", "events", "number", "shares", "book", "subject"];
    let pairs = pairs(&input.attrs, "record", &known)?;
    let get = |key: &str| pairs.iter().find(|(found, _)| found == key).map(|(_, value)| value.clone());
    let need = |key: &str| {
        get(key).ok_or_else(|| syn::Error::new(name.span(), format!("#[record({key} = \"…\")] is missing")))
    };
    let (context, plural, events) = (need("context")?, need("plural")?, need("events")?);
    let path = get("path").unwrap_or_else(|| plural.clone());
    let type_name = format!("{context}.{text}");
    let (number, its_number) = match get("number") {
        Some(prefix) => {
            (quote!(::core::option::Option::Some(#prefix)), quote!(::core::option::Option::Some(&self.number)))
        }
        None => (quote!(::core::option::Option::None), quote!(::core::option::Option::None)),
    };
    let shares = match get("shares") {
        Some(of) => quote!(::core::option::Option::Some(#of)),
        None => quote!(::core::option::Option::None),
    };
    let platform = match get("book").as_deref() {
        None => false,
        Some("platform") => true,
        Some(_) => return Err(syn::Error::new(name.span(), "#[record(book = …)]: known is \"platform\"")),
    };
    let fields = fields(input)?;
    let subject = match get("subject") {
        Some(of) if of == "id" || fields.iter().any(|field| wire_name(field) == of) => {
            quote!(::core::option::Option::Some(#of))
        }
        Some(of) => return Err(syn::Error::new(name.span(), format!("there is no field {of} to be the subject"))),
        None => quote!(::core::option::Option::None),
    };
    let logs: Vec<_> = fields.iter().filter(|field| is_log(field)).map(|field| &field.ident).collect();
    let indexed = fields.iter().filter(|field| field.attrs.iter().any(|attribute| attribute.path().is_ident("book")));
    let references = indexed.map(|field| {
        let (ident, name) = (&field.ident, wire_name(field));
        quote!((#name, ::daybook_kernel::Value::to_datum(&self.#ident)))
    });
    let mut belonging = Vec::new();
    for field in &fields {
        if let Some(belongs) = belongs(field)? {
            let ident = &field.ident;
            belonging.push(quote!((#belongs, ::daybook_kernel::Value::to_datum(&self.#ident))));
        }
    }
    Ok(quote! {
        #body

        impl ::daybook_kernel::Referable for #name {
            const TYPE: &'static str = #type_name;
        }

        impl ::daybook_kernel::Record for #name {
            const META: ::daybook_kernel::RecordMeta = ::daybook_kernel::RecordMeta {
                context: #context,
                type_name: #type_name,
                plural: #plural,
                path: #path,
                events: #events,
                number: #number,
                shares: #shares,
                platform: #platform,
                subject: #subject,
                shape: <#name as ::daybook_kernel::log::Item>::RECORD,
            };

            fn settle(&mut self) {
                #(self.#logs.settle();)*
            }

            fn number(&self) -> ::core::option::Option<&::daybook_kernel::Number> {
                #its_number
            }

            fn references(&self) -> ::std::vec::Vec<(&'static str, ::daybook_kernel::Datum)> {
                ::std::vec![#(#references),*]
            }

            fn belonging(&self) -> ::std::vec::Vec<(::daybook_kernel::Belonging, ::daybook_kernel::Datum)> {
                ::std::vec![#(#belonging),*]
            }
        }
    })
}

fn is_log(field: &Field) -> bool {
    match &field.ty {
        syn::Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "Log"),
        _ => false,
    }
}
