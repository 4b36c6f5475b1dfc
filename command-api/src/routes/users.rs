//! The names by which clients know a user's commands: PUT of one's own account, and the roles that somebody holds.

use axum::{
    Router,
    extract::Path,
    routing::{delete, post, put},
};
use serde_json::json;

use crate::routes::{Api, ask::Ask};

/// `PUT` of who asks; `POST` and `DELETE` of a role.
pub fn routes() -> Router<Api> {
    let user = daybook_contents::kind("identity.User").expect("users stand in the contents");
    Router::new()
        .route(
            "/api/v1/users/me",
            put(async move |ask: Ask| {
                let id = ask.caller.user.to_string();
                ask.command(user, &id, "update_profile").await
            }),
        )
        .route(
            "/api/v1/users/{id}/roles",
            post(async move |Path(id): Path<String>, ask: Ask| ask.command(user, &id, "assign_role").await),
        )
        .route(
            "/api/v1/users/{id}/roles/{role}",
            delete(async move |Path((id, role)): Path<(String, String)>, ask: Ask| {
                ask.told(user, &id, "revoke_role", |_| Ok(json!({ "role": role }))).await
            }),
        )
}
