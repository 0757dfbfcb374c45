//! The URLs that name a management API, and what is shown of them.

use super::*;

fn parse(url: &str) -> Result<Management, Error> {
    Management::parse(url, &TlsOptions::default())
}

#[test]
fn urls_are_read() {
    let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
    for (url, shown, prefix, with) in [
        ("http://rabbit:15672", "http://rabbit:15672", "", None),
        (
            "http://ann:s%2f3%C3%A9@rabbit:15672/",
            "http://rabbit:15672",
            "",
            login("ann", "s/3\u{e9}"),
        ),
        (
            "http://ann@rabbit",
            "http://rabbit:80",
            "",
            login("ann", ""),
        ),
        ("http://[::1]:8080/a/b/", "http://[::1]:8080", "/a/b", None),
        #[cfg(feature = "tls")]
        ("HTTPS://rabbit", "https://rabbit:443", "", None),
    ] {
        let read = parse(url).expect(url);
        assert_eq!(read.peer.to_string(), shown);
        assert_eq!(
            (read.prefix.as_str(), &read.login),
            (prefix, &with),
            "{url}"
        );
    }
}

#[test]
fn what_is_no_such_url_is_refused_without_showing_it() {
    const CANARY: &str = "c4n4ry";
    for url in [
        "",
        "rabbit:15672",
        "guest:c4n4ry@rabbit:15672",
        "amqp://guest:c4n4ry@rabbit",
        "ftp://guest:c4n4ry@rabbit",
        "http://guest:c4n4ry@",
        "http://guest:c4n4ry@rabbit:99999",
        "http://guest:c4n4ry/@rabbit:15672",
        "http://guest@rabbit?password=c4n4ry",
        "http://guest@rabbit#c4n4ry",
    ] {
        let error = parse(url).expect_err(url);
        assert_eq!(error.code(), Code::InvalidArgument, "{url}");
        assert!(!format!("{error:?} {error}").contains(CANARY), "{error:?}");
    }
    #[cfg(not(feature = "tls"))]
    assert_eq!(
        parse("https://rabbit").unwrap_err().code(),
        Code::Unimplemented
    );
}

#[test]
fn a_login_is_not_shown() {
    let read = parse("http://ann:c4n4ry@rabbit:15672").unwrap();
    assert_eq!(format!("{read:?}"), "http://rabbit:15672");
}
