//! Where the two brokers may differ, and why. Anything else is a fault of the one under test.

/// A difference: the scenario, or `*`; what the line contains; the reason.
type Known = (&'static str, &'static str, &'static str);

const NO_PROPERTIES: &str =
    "RabbitMQ's channel crashes (541) on properties that are none; 502 says what is wrong";

const NO_0_8: &str = "RabbitMQ still speaks AMQP 0-8, which no client of today does";

const KNOWN: &[Known] = &[
    (
        "*",
        " < connection.start ",
        "the server says who it is; what it can do has a scenario of its own",
    ),
    (
        "handshake.capabilities",
        "# copyright",
        "a line of advertisement",
    ),
    ("handshake.protocol_0_8", "A0 <", NO_0_8),
    ("handshake.protocol_0_8", "A  #", NO_0_8),
    (
        "payloads.body_size_enormous",
        " < ",
        "a message that is too large is refused by its header; RabbitMQ takes all of it in first",
    ),
    (
        "payloads.header_truncated",
        "connection.close",
        NO_PROPERTIES,
    ),
    (
        "payloads.header_with_a_bad_table",
        "connection.close",
        NO_PROPERTIES,
    ),
    (
        "payloads.header_with_bad_properties",
        "connection.close",
        NO_PROPERTIES,
    ),
    (
        "payloads.header_with_continuation_flag",
        "connection.close",
        NO_PROPERTIES,
    ),
    (
        "reply_to.request_in_confirm_mode",
        "basic.ack",
        "confirms are sent at the end of a burst of frames, so they may come after a reply on the same channel",
    ),
    (
        "reply_names.names_that_crash_rabbitmq",
        " < ",
        "RabbitMQ cannot decode the name and answers 541; it is a name like any other that nobody has",
    ),
];

/// The lines that both brokers must agree on.
pub(crate) fn without(scenario: &str, lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .filter(|line| {
            !KNOWN.iter().any(|(title, pattern, _)| {
                (*title == "*" || *title == scenario) && line.contains(pattern)
            })
        })
        .cloned()
        .collect()
}
