//! What a handler holds may panic when it is stopped and dropped, as some clients do that block.

use std::time::Duration;

use leveret::{Code, ServiceOptions, rpc_service};

use crate::world::{LONG, World};

/// Panics as it goes.
struct Touchy;

impl Drop for Touchy {
    fn drop(&mut self) {
        // A second panic would end the process.
        assert!(std::thread::panicking(), "not in an async context");
    }
}

#[rpc_service]
trait Shelf {
    #[rpc(key = "key")]
    async fn put(&self, key: String, last: bool) -> u32;
    async fn look(&self, last: bool) -> u32;
}

struct Rotten;

impl Shelf for Rotten {
    async fn put(&self, _key: String, last: bool) -> u32 {
        self.look(last).await
    }

    async fn look(&self, last: bool) -> u32 {
        if !last {
            let _touchy = Touchy;
            std::future::pending::<()>().await;
        }
        7
    }
}

#[tokio::test]
async fn a_handler_that_panics_when_it_is_stopped_holds_up_nobody() {
    let world = World::new().await;
    let server = world.connect().await.server();
    let one = ServiceOptions::new().concurrency(1).prefetch(1);
    let server = server.service_with(ShelfServer::new(Rotten), one);
    let server = server.start().await.expect("a server");
    let shelf = ShelfClient::new(&world.connect().await);
    let brief = Duration::from_millis(300);
    let late = shelf.look(false).timeout(brief).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    assert_eq!(shelf.look(true).timeout(LONG).await.unwrap(), 7);
    let late = shelf.put("k".into(), false).timeout(brief).await;
    assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(shelf.put("k".into(), true).timeout(LONG).await.unwrap(), 7);
    harness::within("the server's end", server.stop()).await;
}
