use super::*;

#[test]
fn refusals_have_rabbitmqs_codes_and_texts() {
    let mut world = World::new();
    let queue = world.queue("q");
    let exchanges = &mut world.exchanges;
    let mut declare = |name: &str, kind: &str| refused(exchanges.declare(declaration(name, kind)));
    let default = (
        403,
        "ACCESS_REFUSED - operation not permitted on the default exchange".to_owned(),
    );
    assert_eq!(
        declare("x", "weird"),
        (
            503,
            "COMMAND_INVALID - unknown exchange type 'weird'".to_owned()
        )
    );
    assert_eq!(declare("", "direct"), default);
    assert_eq!(
        declare("amq.x", "direct"),
        (
            403,
            "ACCESS_REFUSED - exchange name 'amq.x' contains reserved prefix 'amq.*'".to_owned()
        )
    );
    assert_eq!(
        declare("amq.direct", "fanout"),
        (
            406,
            "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.direct' in vhost '/': received 'fanout' but current is 'direct'"
                .to_owned()
        )
    );
    assert_eq!(refused(exchanges.delete("", false)), default);
    assert_eq!(
        refused(exchanges.delete("amq.nope", false)),
        (
            403,
            "ACCESS_REFUSED - deletion of system exchange 'amq.nope' in vhost '/' not allowed"
                .to_owned()
        )
    );
    let mut bind = |source: &str, to: &str, arguments| {
        refused(exchanges.bind(source, Destination::Exchange(to.into()), "", arguments))
    };
    let missing = (
        404,
        "NOT_FOUND - no exchange 'nope' in vhost '/'".to_owned(),
    );
    assert_eq!(bind("nope", "nope2", FieldTable::default()), missing);
    assert_eq!(bind("amq.direct", "nope", FieldTable::default()), missing);
    assert_eq!(bind("", "nope", FieldTable::default()), default);
    assert_eq!(bind("nope", "", FieldTable::default()), default);
    assert_eq!(
        bind("amq.match", "amq.topic", table([("x-match", text("some"))])),
        (
            406,
            "PRECONDITION_FAILED - Invalid x-match field value <<\"some\">>; expected all, any, all-with-x, or any-with-x"
                .to_owned()
        )
    );
    assert_eq!(
        bind("amq.match", "amq.topic", table([("x-match", AMQPValue::Void)])),
        (
            406,
            "PRECONDITION_FAILED - Invalid x-match field type void (value undefined); expected longstr"
                .to_owned()
        )
    );
    let passive = ExchangeDeclare {
        passive: true,
        ..declaration("nope", "weird")
    };
    assert_eq!(refused(exchanges.declare(passive)), missing);
    let to = Destination::Queue(queue, "q".into());
    exchanges
        .unbind("nope", to.clone(), "", &FieldTable::default())
        .unwrap();
    assert_eq!(
        refused(exchanges.unbind("", to, "", &FieldTable::default())),
        default
    );
}
