//! Amounts of money, without floats.

use crate::{Body, text::Currency};

/// An amount in the minor unit of its currency: EUR 12.50 is 1250 `EUR`.
#[derive(Debug, Clone, PartialEq, Eq, Body)]
pub struct Money {
    /// The amount, in the currency's minor unit (ISO 4217).
    pub minor: i64,
    /// The currency's code (ISO 4217).
    pub currency: Currency,
}
