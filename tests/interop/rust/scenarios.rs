//! What takes more than one call: each scenario of `cases.json`, by name.

use std::time::Duration;

use futures_util::future::try_join_all;
use leveret::{CallError, Client, Code, Error, Executed};
use uuid::Uuid;

use crate::Outcome;
use crate::contract::{InteropClient, LimitError};

pub(crate) async fn run(name: &str, client: &Client) -> Outcome {
    let stub = InteropClient::new(client);
    match name {
        "cancel" => cancel(&stub).await,
        "cast" => cast(&stub).await,
        "cast to nobody" => cast_to_nobody(client).await,
        "deadline" => deadline(&stub).await,
        "domain" => domain(&stub).await,
        "many" => many(&stub).await,
        other => Err(format!("no scenario {other}")),
    }
}

fn id() -> String {
    Uuid::new_v4().to_string()
}

/// Waits for as many events as are expected, and compares them.
async fn events(stub: &InteropClient, id: &str, expected: &[&str]) -> Outcome {
    let events = stub.events(id.to_owned(), expected.len()).await;
    let events = events.map_err(|error| format!("{error:?}"))?;
    match events == expected {
        true => Ok(()),
        false => Err(format!("expected {expected:?}, found {events:?}")),
    }
}

fn is_failure<T: std::fmt::Debug>(found: Result<T, Error>, code: Code, ran: Executed) -> Outcome {
    match found {
        Err(error) if error.code() == code && error.executed() == ran => Ok(()),
        other => Err(format!("expected {code} executed {ran}, found {other:?}")),
    }
}

/// Giving up is dropping the future, so the caller itself sees no error.
async fn cancel(stub: &InteropClient) -> Outcome {
    let id = id();
    let held = tokio::spawn(stub.hold(id.clone()).into_future());
    events(stub, &id, &["start"]).await?;
    held.abort();
    events(stub, &id, &["start", "stop"]).await
}

async fn deadline(stub: &InteropClient) -> Outcome {
    let id = id();
    let held = stub.hold(id.clone()).timeout(Duration::from_millis(1500));
    is_failure(held.await, Code::DeadlineExceeded, Executed::Maybe)?;
    events(stub, &id, &["start", "stop"]).await
}

async fn cast(stub: &InteropClient) -> Outcome {
    let id = id();
    for _ in 0..3 {
        stub.note(id.clone())
            .await
            .map_err(|error| format!("{error:?}"))?;
    }
    events(stub, &id, &["note"; 3]).await
}

async fn cast_to_nobody(client: &Client) -> Outcome {
    let cast = client.cast("nobody", "note", "x").await;
    is_failure(cast, Code::NoSuchService, Executed::No)
}

async fn domain(stub: &InteropClient) -> Outcome {
    match stub.limited(101).await {
        Err(CallError::Domain(LimitError::TooLarge { limit: 100 })) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

async fn many(stub: &InteropClient) -> Outcome {
    let calls = (0..500).map(|n| stub.echo_i64(n).into_future());
    let answers = try_join_all(calls).await;
    let answers = answers.map_err(|error| format!("{error:?}"))?;
    match answers.into_iter().eq(0..500) {
        true => Ok(()),
        false => Err("an answer belongs to another call".into()),
    }
}
