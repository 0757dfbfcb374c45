//! The naive order service: HTTP, a pool of connections, and a count before an insert. Nothing in it is slow or clumsy; it
//! sells too much only because two requests may count before either inserts. With `Rule::Row` the same service is right.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::clerk::Clerk;
use crate::contract::Answer;
use crate::failure::Result;
use crate::roles::serve_http;
use crate::shop::Order;

/// The body of `POST /orders`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Made by the web front end, where Leveret has the id of the call.
    pub(crate) call_id: String,
    pub(crate) item_id: i64,
}

pub(crate) async fn run(clerk: Clerk) -> Result<()> {
    let router = Router::new().route("/orders", post(order));
    serve_http(router.with_state(Arc::new(clerk))).await
}

async fn order(
    State(clerk): State<Arc<Clerk>>,
    Json(Request { call_id, item_id }): Json<Request>,
) -> std::result::Result<Json<Answer>, (StatusCode, String)> {
    let order = Order { call_id, item_id };
    match clerk.take(order).await {
        Ok(answer) => Ok(Json(answer)),
        Err(error) if error.is_unknown_item() => Err((StatusCode::NOT_FOUND, error.to_string())),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}
