//! The checker, checked: correct runs pass, and each doctored one is caught for what it is.
#![allow(clippy::unwrap_used)]

mod correct;
mod doctored;
mod server;
