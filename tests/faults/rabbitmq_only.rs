//! What only RabbitMQ has: TLS.

mod tls;
