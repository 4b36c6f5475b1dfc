//! The names by which clients know an organisation's commands: PUT, DELETE, and its members.

use axum::{
    Router,
    extract::Path,
    routing::{post, put},
};
use daybook_kernel::Kind;

use crate::routes::{Api, ask::Ask};

/// `PUT` and `DELETE` of an organisation; `POST` of a member.
pub fn routes() -> Router<Api> {
    let organization: &'static dyn Kind =
        daybook_contents::kind("tenancy.Organization").expect("the organisation stands in the contents");
    let command = move |name: &'static str| {
        async move |Path(id): Path<String>, ask: Ask| ask.command(organization, &id, name).await
    };
    Router::new()
        .route("/api/v1/organizations/{id}", put(command("update")).delete(command("request_closure")))
        .route("/api/v1/organizations/{id}/members", post(command("add_member")))
}
