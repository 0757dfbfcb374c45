//! The web front end: takes `GET /buy?item=3` from buyers and asks an order service, over HTTP or over Leveret. Everything
//! but that one hop is the same.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use leveret::{Code, Connection};
use serde::Deserialize;
use uuid::Uuid;

use crate::contract::{Answer, OrdersClient};
use crate::failure::Result;
use crate::http_orders::Request;
use crate::roles::serve_http;

type HttpError = (StatusCode, String);

/// Where orders go.
pub(crate) enum Backend {
    Http {
        client: reqwest::Client,
        url: String,
    },
    Leveret(OrdersClient),
}

impl Backend {
    /// A service at `http://ADDRESS`. The client keeps its connections and uses them again.
    pub(crate) fn http(address: &str) -> Self {
        Self::Http {
            client: reqwest::Client::new(),
            url: format!("http://{address}/orders"),
        }
    }

    pub(crate) fn leveret(connection: &Connection) -> Self {
        Self::Leveret(OrdersClient::new(connection.client()))
    }

    async fn buy(&self, item_id: i64) -> std::result::Result<Answer, HttpError> {
        match self {
            Self::Http { client, url } => {
                let request = Request {
                    call_id: Uuid::new_v4().to_string(),
                    item_id,
                };
                let answer = async {
                    let response = client.post(url).json(&request).send().await?;
                    response.error_for_status()?.json().await
                };
                answer.await.map_err(|error: reqwest::Error| {
                    let status = error.status().unwrap_or(StatusCode::BAD_GATEWAY);
                    (status, error.to_string())
                })
            }
            Self::Leveret(orders) => orders.buy(item_id).await.map_err(|error| {
                let status = match error.code() {
                    Code::InvalidArgument => StatusCode::NOT_FOUND,
                    Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
                    _ => StatusCode::BAD_GATEWAY,
                };
                (status, error.to_string())
            }),
        }
    }
}

struct Front {
    backend: Backend,
    /// Items of which there are none left, where the front end may remember that: nothing ever comes back.
    sold_out: Option<RwLock<HashSet<i64>>>,
}

#[derive(Deserialize)]
struct Buy {
    item: i64,
}

pub(crate) async fn run(backend: Backend, short_cut: bool) -> Result<()> {
    let front = Arc::new(Front {
        backend,
        sold_out: short_cut.then(RwLock::default),
    });
    serve_http(Router::new().route("/buy", get(buy)).with_state(front)).await
}

async fn buy(
    State(front): State<Arc<Front>>,
    Query(Buy { item }): Query<Buy>,
) -> std::result::Result<Json<Answer>, HttpError> {
    if let Some(sold_out) = &front.sold_out
        && sold_out.read().is_ok_and(|items| items.contains(&item))
    {
        return Ok(Json(Answer::SoldOut));
    }
    let answer = front.backend.buy(item).await?;
    if answer == Answer::SoldOut
        && let Some(sold_out) = &front.sold_out
        && let Ok(mut items) = sold_out.write()
    {
        items.insert(item);
    }
    Ok(Json(answer))
}
