//! SCIM 2.0 (RFC 7643, RFC 7644): a directory elsewhere keeps the accounts and groups of a tenant as it has them.
//!
//! ```text
//! asker      who asks, by a token or an API key: every command is given with the own rights of that one
//! answer     what is answered, and SCIM's form of an error
//! page       which page of a list is asked for, and the one kind of filter
//! patch      the operations of a PATCH
//! person     a user: as the book has it, as SCIM shows it, and as it is wanted
//! team       a group, likewise
//! kept       external ids, and what SCIM is to have forgotten
//! document   what this service provider can do
//! ```
//!
//! A request becomes what is wanted; what differs from what is becomes commands. So each request can be sent again.

pub mod answer;
pub mod asker;
pub mod document;
pub mod kept;
pub mod page;
pub mod patch;
pub mod person;
pub mod team;
