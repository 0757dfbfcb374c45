//! Dead letters that circle.

use super::*;

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// A rejection in the history of a message ends RabbitMQ's search for a cycle, which so finds none.
#[test]
fn a_circle_without_a_wait_ends() {
    let mut client = Client::with_channel(&Shared::new(Settings {
        users: vec![User::guest()],
        ..Settings::default()
    }));
    for (name, next) in [("a", "b"), ("b", "a")] {
        client.raw(&declare(
            name,
            &[
                ("x-message-ttl", AMQPValue::LongInt(0)),
                ("x-dead-letter-exchange", text("")),
                ("x-dead-letter-routing-key", text(next)),
            ],
        ));
    }
    let mut death = FieldTable::default();
    death.insert("reason".into(), text("rejected"));
    death.insert("queue".into(), text("elsewhere"));
    let deaths = vec![AMQPValue::FieldTable(death)];
    let mut headers = FieldTable::default();
    headers.insert("x-death".into(), AMQPValue::FieldArray(deaths.into()));
    let properties = AMQPProperties::default().with_headers(headers);
    client.raw(&publish("a", 1, 1, properties));
    client.replies();
    client.raw(&channel_open(2));
    assert_eq!(client.replies().len(), 1, "it still answers");
}
