//! Every mistake that a user of the macros can make, and the one message that it gets. A file is named
//! after the mistake. `TRYBUILD=overwrite cargo test -p leveret-tests --test ui` writes the messages anew.

#[test]
fn mistakes_get_one_message_each() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*.rs");
}
