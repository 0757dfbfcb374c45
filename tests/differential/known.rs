//! Where the two brokers may differ, and why. Anything else is a fault of the one under test.

/// A difference: the scenario, or `*`; what the line contains; the reason.
type Known = (&'static str, &'static str, &'static str);

const KNOWN: &[Known] = &[
    (
        "*",
        " < connection.start ",
        "the server says who it is; what it can do has a scenario of its own",
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
