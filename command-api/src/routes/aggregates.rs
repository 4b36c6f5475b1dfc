//! The two routes of every aggregate: begin one, and give it a command.

use axum::{Router, extract::Path, routing::post};

use crate::routes::{Api, ask::Ask};

/// The routes of every kind in the contents.
pub fn routes() -> Router<Api> {
    daybook_contents::kinds().fold(Router::new(), |router, kind| {
        let path = kind.meta().path;
        let command =
            async move |Path((id, name)): Path<(String, String)>, ask: Ask| ask.command(kind, &id, &name).await;
        router
            .route(&format!("/api/v1/{path}"), post(async move |ask: Ask| ask.begin(kind).await))
            .route(&format!("/api/v1/{path}/{{id}}/{{command}}"), post(command))
    })
}
