//! The laws that hold for every declared aggregate, whatever it is about.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod declarations;
mod life_cycles;
mod saved;
mod walk;
mod walks;
