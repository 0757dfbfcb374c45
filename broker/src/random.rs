//! Names that the broker invents, and that nobody can guess.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// 22 characters from 128 random bits, as RabbitMQ's own names end.
pub(crate) fn random_name() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>())
}
