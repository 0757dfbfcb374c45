//! Calls the service once: `hello-client World`.

use examples::hello::GreeterClient;
use leveret::{Connection, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let name = std::env::args().nth(1).unwrap_or("World".to_owned());
    let connection = Connection::from_env().await?;
    let greeter = GreeterClient::new(connection.client());
    println!("{}", greeter.hello(name).await?);
    connection.close().await;
    Ok(())
}
