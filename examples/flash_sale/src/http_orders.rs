//! The naive order service: HTTP, a pool of connections, and a count before an insert. Nothing in it is slow or clumsy; it
//! sells too much only because two requests may count before either inserts. With `Rule::Row` the same service is right.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::contract::Answer;
use crate::failure::{Failure, Result};
use crate::roles::serve_http;
use crate::rule::Rule;
use crate::shop::{Order, Shop};

/// The body of `POST /orders`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Made by the web front end, where Leveret has the id of the call.
    pub(crate) call_id: String,
    pub(crate) item_id: i64,
}

struct Service {
    shop: Shop,
    rule: Rule,
}

pub(crate) async fn run(shop: Shop, rule: Rule) -> Result<()> {
    let service = Arc::new(Service { shop, rule });
    serve_http(
        Router::new()
            .route("/orders", post(order))
            .with_state(service),
    )
    .await
}

async fn order(
    State(service): State<Arc<Service>>,
    Json(Request { call_id, item_id }): Json<Request>,
) -> std::result::Result<Json<Answer>, (StatusCode, String)> {
    let order = Order { call_id, item_id };
    match service.rule.take(&service.shop, &order).await {
        Ok(answer) => Ok(Json(answer)),
        Err(error @ Failure::NoSuchItem(_)) => Err((StatusCode::NOT_FOUND, error.to_string())),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}
