//! Sequences: what belongs to one aggregate and is numbered from 1 without gaps, such as its events or its comments, page by
//! page in either direction.

use daybook_kernel::Tenant;
use daybook_platform::ApiError;
use daybook_schemas::sealing::Sealer;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::list::LIMIT;
use crate::list::cursor::Cursor;
use crate::params::Params;

/// Rows of a page where nothing is said.
const DEFAULT_LIMIT: i64 = 100;

/// The parameters a sequence knows.
pub const KNOWN: [&str; 3] = ["sort", "limit", "cursor"];

/// A page of a sequence, as a caller asks for it.
#[derive(Debug)]
pub struct Sequence {
    tenant: Tenant,
    id: Uuid,
    /// Which sequence of the aggregate, in one canonical text.
    list: String,
    /// Latest first.
    pub descending: bool,
    /// How many rows at most.
    pub limit: i64,
    /// The number to begin after: 0, or ∞ backwards, where no cursor says.
    pub after: i64,
}

impl Sequence {
    /// Reads the page's parameters. `number` is the name by which the sequence is sorted; `sort=-number` is latest first.
    ///
    /// # Errors
    /// 400 with what is wrong with them.
    pub fn read(
        sealer: &Sealer,
        tenant: Tenant,
        id: Uuid,
        what: &str,
        number: &str,
        mut params: Params,
    ) -> Result<Self, ApiError> {
        let limit = params.number("limit", 1, DEFAULT_LIMIT, LIMIT)?;
        let descending = match params.take("sort")?.as_deref() {
            None => false,
            Some(said) if said == number => false,
            Some(said) if said.strip_prefix('-') == Some(number) => true,
            Some(said) => return Err(ApiError::field("sort", format!("must be {number} or -{number}, not {said:?}"))),
        };
        let cursor = params.take("cursor")?;
        params.end(&KNOWN)?;
        let list = format!("{what} {id} {descending}");
        let start = if descending { i64::MAX } else { 0 };
        let after = match cursor {
            None => start,
            Some(text) => {
                let cursor = Cursor::read(&text, sealer, tenant, &list)?;
                cursor.keys.first().and_then(|key| key.as_deref()?.parse().ok()).unwrap_or(start)
            }
        };
        Ok(Self { tenant, id, list, descending, limit, after })
    }

    /// The answer: `{items, next_cursor}`, from up to `limit + 1` rows with their numbers.
    pub fn answer(&self, sealer: &Sealer, mut rows: Vec<(i64, Json)>) -> Json {
        let more = rows.len() as i64 > self.limit;
        rows.truncate(self.limit as usize);
        let next_cursor = rows.last().filter(|_| more).map(|(number, _)| {
            // A number in a sequence means the same in every version of a view.
            let cursor = Cursor { view_version: String::new(), keys: vec![Some(number.to_string())], id: self.id };
            cursor.write(sealer, self.tenant, &self.list)
        });
        let items: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
        json!({ "items": items, "next_cursor": next_cursor })
    }
}
