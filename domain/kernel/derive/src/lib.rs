//! The derives of the kernel: they write down the shape of a declaration, and how its values become data.

use proc_macro::TokenStream;

mod attributes;
mod body;
mod choice;
mod variants;

/// A record: a command's body, an event's body, a part of a state.
///
/// `#[field(blind = "email")]` on an `Option<Blind>` says which personal field beside it it is the hash of.
#[proc_macro_derive(Body, attributes(view, book, field, belongs))]
pub fn body(input: TokenStream) -> TokenStream {
    run(input, body::body)
}

/// The state of an aggregate: a [`macro@Body`] with a default view.
///
/// `#[record(context = "incident", plural = "incidents", path = "…", events = "incident", number = "INC")]`, and
/// `shares = "identity.User"` where it has the id of such an aggregate, `book = "platform"` where it stands in the platform's
/// book whichever tenant it is about. `#[belongs(own)]` (or `team`, `domain`) on a field says whose the record is: how far a
/// permission reaches is judged by it.
#[proc_macro_derive(Record, attributes(record, view, book, field, belongs))]
pub fn record(input: TokenStream) -> TokenStream {
    run(input, body::record)
}

/// A fixed set of names, strings in snake case on the wire.
///
/// `#[name("1-critical")]` on a variant says a name that no identifier can be, such as one that sorts by its rank.
#[proc_macro_derive(Choice, attributes(name))]
pub fn choice(input: TokenStream) -> TokenStream {
    run(input, choice::choice)
}

/// The commands of an aggregate: variants with one body or none.
#[proc_macro_derive(Commands)]
pub fn commands(input: TokenStream) -> TokenStream {
    run(input, variants::commands)
}

/// The events of an aggregate: variants with one body or none.
///
/// `#[wire("role.assigned")]` on a variant says its whole name on the wire, where that is not `<events>.<variant>`.
#[proc_macro_derive(Events, attributes(wire))]
pub fn events(input: TokenStream) -> TokenStream {
    run(input, variants::events)
}

fn run(input: TokenStream, derive: fn(&syn::DeriveInput) -> syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    derive(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
