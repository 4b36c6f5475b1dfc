//! What a caller says of a list: filters, order, fields and cursor in a query string.

use axum::extract::FromRequestParts;
use axum::http::Request;
use daybook_authority::Filter;
use daybook_query_api::app::Scope;
use daybook_query_api::list::cursor::Cursor;
use daybook_query_api::list::statement::{Begin, Page, Statement};
use daybook_query_api::list::{Listed, Listing};
use daybook_query_api::params::Params;
use daybook_schemas::Sealer;
use uuid::Uuid;

use crate::token::wait;

const LIST: &str = "incident.incidents status=[\"new\"] -created_at";

/// Any query string is a list, or a 400 that names the parameter; no word of it becomes SQL.
pub fn filter(bytes: &[u8]) {
    let Some((chosen, query)) = bytes.split_first() else { return };
    let lists: Vec<Listed> = Listed::all().collect();
    let listed = lists[usize::from(*chosen) % lists.len()];
    let Ok(query) = std::str::from_utf8(query) else { return };
    let Ok(request) = Request::get(format!("/api/v1/list?{query}")).body(()) else { return };
    let params = match wait(Params::from_request_parts(&mut request.into_parts().0, &())) {
        Ok(params) => params,
        Err(error) => return assert_eq!(error.status.as_u16(), 400, "{error}"),
    };
    // All of a tenant's records: what is tried here is what a caller says, not who says it.
    let all = Filter::everything();
    let scope = Scope { tenant: Uuid::from_u128(1), only: None, rows: all.clone(), clear: all.clone(), domain: None };
    let listing = match Listing::read(listed, scope, params) {
        Ok(listing) => listing,
        Err(error) => {
            assert_eq!(error.status.as_u16(), 400, "{error}");
            assert!(!error.details.is_empty(), "{error}");
            return;
        }
    };
    let statement = Statement::page(&Page {
        view: &listing.view,
        family: &listing.family,
        tenant: Uuid::from_u128(1),
        kind: listed.kind,
        rows: &all,
        clear: &all,
        filters: &listing.filters,
        only: None,
        order: &listing.order,
        begin: Begin::Start,
        limit: listing.limit,
    });
    // Only names that are declared stand in it: their quotes pair up, and nothing a caller says has a place.
    assert!(statement.sql().matches('"').count().is_multiple_of(2), "{}", statement.sql());
    assert!(!statement.sql().contains([';', '\\', '\0']) && !statement.sql().contains("--"), "{}", statement.sql());
}

/// A text is a cursor only if we gave it out, and then for that list alone.
pub fn cursor(bytes: &[u8]) {
    let sealer = Sealer::new(&[7; 32]);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(cursor) = Cursor::read(text, &sealer, Uuid::nil(), LIST) {
        assert_eq!(cursor.write(&sealer, Uuid::nil(), LIST), text, "a cursor has one form");
        assert!(Cursor::read(text, &sealer, Uuid::nil(), "another list").is_err());
        assert!(Cursor::read(text, &sealer, Uuid::from_u128(1), LIST).is_err());
    }
}
