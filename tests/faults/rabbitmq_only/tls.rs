//! `amqps://`: trust that is missing is a refusal, trust that is there is enough.

use std::fs;

use harness::{RabbitMq, eventually};
use leveret::{Code, Connection, ConnectionBuilder, Executed};

use crate::fixture::{LONG, Worker, assert_error, lapin_threads, serve, work};

async fn assert_works(builder: ConnectionBuilder) {
    let connection = builder.connect().await.expect("a connection");
    let server = serve(&connection, &Worker::default()).await;
    // Bigger than a TLS record and than a frame.
    let text = "x".repeat(300_000);
    let answer = work(&connection, LONG).echo(text.clone()).await;
    assert!(answer.expect("an answer") == text);
    server.stop().await;
    connection.close().await;
}

#[tokio::test]
async fn a_known_authority_is_trusted_and_an_unknown_one_is_not() {
    let node = RabbitMq::builder().tls().start().await;
    let (url, certificates) = (node.tls_url(), node.certificates());
    let ca = fs::read(&certificates.ca).expect("the CA");
    assert_works(Connection::builder(&url).extra_ca(ca.clone())).await;

    assert_error(
        &Connection::connect(&url).await,
        Code::Unavailable,
        Executed::No,
    );
    let other = fs::read(&certificates.client_cert).expect("a certificate");
    let outcome = Connection::builder(&url).extra_ca(other).connect().await;
    assert_error(&outcome, Code::Unavailable, Executed::No);
    for nonsense in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
        let outcome = Connection::builder(&url).extra_ca(nonsense).connect().await;
        assert_error(&outcome, Code::InvalidArgument, Executed::No);
    }
    // TLS spoken to a port that speaks AMQP.
    let plain = node.url().replace("amqp://", "amqps://");
    let outcome = Connection::builder(&plain).extra_ca(ca).connect().await;
    assert_error(&outcome, Code::Unavailable, Executed::No);
    eventually("the end of lapin's threads", async || lapin_threads() == 0).await;
}

#[tokio::test]
async fn a_broker_that_wants_a_client_certificate_gets_it() {
    let node = RabbitMq::builder().mutual_tls().start().await;
    let (url, certificates) = (node.tls_url(), node.certificates());
    let read = |path| fs::read(path).expect("a PEM file");
    let trusting = || Connection::builder(&url).extra_ca(read(&certificates.ca));
    let (chain, key) = (
        read(&certificates.client_cert),
        read(&certificates.client_key),
    );
    assert_works(trusting().client_certificate(chain.clone(), key.clone())).await;

    assert_error(&trusting().connect().await, Code::Unavailable, Executed::No);
    for (chain, key) in [
        (chain.clone(), b"no key".to_vec()),
        (b"no chain".to_vec(), key),
        (chain, read(&certificates.server_key)),
    ] {
        let outcome = trusting().client_certificate(chain, key).connect().await;
        assert_error(&outcome, Code::InvalidArgument, Executed::No);
    }
}
