//! The smallest service: one method. Ctrl-C stops it in order.

use examples::hello::{Greeter, GreeterServer};
use leveret::{Connection, Error};

struct English;

impl Greeter for English {
    async fn hello(&self, name: String) -> String {
        format!("Hello, {name}!")
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let connection = Connection::from_env().await?;
    let server = connection.server().service(GreeterServer::new(English));
    let serving = server.start().await?.run();
    println!("ready");
    serving.await?;
    connection.close().await;
    Ok(())
}
