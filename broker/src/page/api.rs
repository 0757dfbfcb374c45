//! What programs ask RabbitMQ's management API for, in its words and behind its login.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;

use crate::shared::Shared;

/// Before the names of a virtual host and of a queue.
pub(super) const QUEUES: &str = "/api/queues/";

/// A status line and a body.
type Answer = (&'static str, String);

/// The queue at a path below [`QUEUES`].
pub(super) fn queue(path: &str, authorization: Option<&str>, shared: &Shared) -> Answer {
    if !authorization.is_some_and(|login| may_enter(login, shared)) {
        return refusal("401 Unauthorized", "not_authorised", "Login failed");
    }
    let found = path.split_once('/').and_then(|(vhost, name)| {
        let (vhost, name) = (decoded(vhost)?, decoded(name)?);
        shared.host(&vhost)?.lock().describe_queue(&name)
    });
    match found {
        Some(queue) => ("200 OK", queue.to_management_json()),
        None => refusal("404 Not Found", "Object Not Found", "Not Found"),
    }
}

/// A name as it stands between two slashes; none holds a slash of its own that is not encoded.
fn decoded(name: &str) -> Option<Cow<'_, str>> {
    let name = (!name.contains('/')).then_some(name)?;
    percent_decode_str(name).decode_utf8().ok()
}

fn may_enter(authorization: &str, shared: &Shared) -> bool {
    let login = authorization.split_once(' ').and_then(|(scheme, login)| {
        let login = scheme.eq_ignore_ascii_case("basic").then_some(login)?;
        BASE64_STANDARD.decode(login.trim()).ok()
    });
    let Some(login) = login else {
        return false;
    };
    let mut parts = login.splitn(2, |byte| *byte == b':');
    match (parts.next(), parts.next()) {
        // The page is for this machine alone.
        (Some(name), Some(password)) => shared.log_in(name, password, true).is_some(),
        _ => false,
    }
}

fn refusal(status: &'static str, error: &str, reason: &str) -> Answer {
    let json = format!("{{\"error\":\"{error}\",\"reason\":\"{reason}\"}}");
    (status, json)
}
