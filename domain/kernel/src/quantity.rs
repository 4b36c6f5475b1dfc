//! Quantities with a unit, without floats.

use crate::{Body, Line};

/// A decimal number of some unit: 2.5 hours is 25 with scale 1 of `h`.
#[derive(Debug, Clone, PartialEq, Eq, Body)]
pub struct Quantity {
    /// The digits.
    pub digits: i64,
    /// How many of the digits stand behind the decimal point.
    pub scale: u8,
    /// The unit (UCUM code where there is one).
    pub unit: Line<16>,
}
