//! The description of the interface, for programs and for people.

use axum::{Router, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use daybook_platform::page::Page;
use daybook_schemas::openapi;

use crate::routes::Api;

/// `/openapi.json` and `/docs`, made once.
pub fn routes() -> Router<Api> {
    let document = openapi::command_api().to_string();
    let page = Page::new(openapi::page("Daybook commands", "/openapi.json"));
    Router::new()
        .route("/openapi.json", get(async move || ([(CONTENT_TYPE, "application/json")], document).into_response()))
        .route("/docs", get(async move || page.answer()))
}
