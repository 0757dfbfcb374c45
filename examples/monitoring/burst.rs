//! A bad release: so many reports at once. `monitoring-burst 6`.

use examples::monitoring::{Report, reports};
use leveret::{Connection, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let count = std::env::args().nth(1).map_or(Ok(6), |count| count.parse());
    let burst: Vec<_> = (1..=count.expect("how many, a whole number"))
        .map(|n: u32| Report {
            page: format!("/item/{n}"),
            message: "cart is undefined".to_owned(),
        })
        .collect();
    let connection = Connection::from_env().await?;
    let pushed = connection.tasks(&reports()).push_all(&burst).await?;
    println!("{} reports pushed", pushed.len());
    connection.close().await;
    Ok(())
}
