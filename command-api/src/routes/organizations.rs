//! The names by which clients know an organisation's commands: PUT, DELETE, its members, and PUT of its subscription.

use axum::{
    Router,
    extract::Path,
    routing::{post, put},
};
use daybook_kernel::Kind;

use crate::routes::{Api, ask::Ask};

/// `PUT` and `DELETE` of an organisation; `POST` of a member; `PUT` of the plan that it has subscribed to.
pub fn routes() -> Router<Api> {
    let kind = |name| daybook_contents::kind(name).expect("organisations and subscriptions stand in the contents");
    let (organization, subscription) = (kind("tenancy.Organization"), kind("tenancy.Subscription"));
    let of = |kind: &'static dyn Kind, name: &'static str| {
        async move |Path(id): Path<String>, ask: Ask| ask.command(kind, &id, name).await
    };
    let command = |name| of(organization, name);
    Router::new()
        .route("/api/v1/organizations/{id}", put(command("update")).delete(command("request_closure")))
        .route("/api/v1/organizations/{id}/members", post(command("add_member")))
        .route("/api/v1/organizations/{id}/subscription", put(of(subscription, "change_plan")))
}
