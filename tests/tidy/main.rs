//! The order of the house, checked: which room may know which, and what a file looks like.
#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing tells nothing")]

mod arrows;
mod files;
