//! The whole run: a broker and a database, every variant with every crowd, round after round, then the table, the picture
//! and the verdict. Whatever happens in between, what was started is ended.

use std::fs;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use leveret::Connection;
use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Doing, Failure, Result};
use crate::load::Crowd;
use crate::options::Options;
use crate::plot;
use crate::processes::{DATABASE, Processes};
use crate::report::{Report, Row};
use crate::sale::{Terms, hold};
use crate::shop::Shop;
use crate::variants::{VARIANTS, Variant};

/// Holds all the sales and prints what came of them.
pub(crate) async fn run(options: Options) -> Result<()> {
    raise_open_files();
    let mut interrupt = signal(SignalKind::interrupt()).doing("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).doing("listening for SIGTERM")?;
    let folder = tempfile::Builder::new()
        .prefix("flash-sale-")
        .tempdir()
        .doing("making a folder for the database")?;
    let mut processes = Processes::default();
    let done = tokio::select! {
        done = compare(options, &folder, &mut processes) => done,
        _ = interrupt.recv() => Err(Failure::Interrupted),
        _ = terminate.recv() => Err(Failure::Interrupted),
    };
    let stopped = processes.stop_after(0).await;
    done.and(stopped)
}

async fn compare(mut options: Options, folder: &TempDir, processes: &mut Processes) -> Result<()> {
    if options.quick {
        (
            options.clients,
            options.items,
            options.pieces,
            options.rounds,
        ) = (vec![20], 2, 5, 1);
    }
    let broker = match &options.amqp_url {
        Some(_) => "the broker at AMQP_URL",
        None => "the embedded broker",
    };
    let terms = terms(&options, folder, processes).await?;
    let shop = Shop::open(&terms.database_url, 1).await?;
    let database = shop.kind();
    let report = hold_all(&options, &terms, &shop, processes).await;
    shop.clear().await?;
    shop.close().await;
    let report = report?;

    let title = format!(
        "{} pieces, {} requests of each client, {database}, {broker}",
        terms.all_pieces(),
        options.requests
    );
    println!("{title}\n\n{report}");
    fs::create_dir_all(&options.out).doing(format!("making {}", options.out.display()))?;
    let picture = options.out.join("throughput.svg");
    plot::write(&report, &title, &picture)?;
    println!("\npicture: {}", picture.display());
    verdict(&report, &terms)
}

/// Starts what all sales share, and finds out whether it can be used before anything is measured.
async fn terms(options: &Options, folder: &TempDir, processes: &mut Processes) -> Result<Terms> {
    let amqp_url = match &options.amqp_url {
        Some(url) => {
            Connection::connect(url).await?.close().await;
            url.clone()
        }
        None => processes.start_role("broker", &["broker"], &[]).await?,
    };
    let database_url = match &options.database_url {
        Some(url) => url.clone(),
        None if options.postgresql => processes.start_role(DATABASE, &["postgresql"], &[]).await?,
        None => format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("shop.db").display()
        ),
    };
    Ok(Terms {
        items: options.items,
        pieces: options.pieces,
        instances: options.instances,
        amqp_url,
        database_url,
        namespace: options.namespace.clone(),
        gateway: options.gateway.to_string_lossy().into_owned(),
    })
}

async fn hold_all(
    options: &Options,
    terms: &Terms,
    shop: &Shop,
    processes: &mut Processes,
) -> Result<Report> {
    let chosen = |variant: &&Variant| {
        options.only.is_empty() || options.only.iter().any(|name| name == variant.name)
    };
    let mut report = Report::default();
    for variant in VARIANTS.iter().filter(chosen) {
        for clients in &options.clients {
            report.0.push(Row::new(*variant, *clients));
        }
    }
    let requests: u64 = report
        .0
        .iter()
        .map(|row| u64::from(row.clients) * u64::from(options.requests))
        .sum();
    let progress = ProgressBar::new(requests * u64::from(options.rounds));
    progress.set_style(
        ProgressStyle::with_template("{wide_bar} {pos}/{len} requests  {msg}")
            .expect("the template is fixed"),
    );
    progress.enable_steady_tick(Duration::from_millis(200));
    // Round by round, so that a machine that grows slower does so for all of them.
    for round in 1..=options.rounds {
        for row in &mut report.0 {
            progress.set_message(format!("round {round}: {}", row.variant.name));
            let crowd = Crowd {
                clients: row.clients,
                requests: options.requests,
                items: options.items,
                rehearsal: Duration::from_millis(options.rehearsal),
            };
            row.push(hold(terms, &row.variant, crowd, shop, processes, &progress).await?);
        }
    }
    progress.finish_and_clear();
    Ok(report)
}

/// Those that promise to be exact must be, in every sale.
fn verdict(report: &Report, terms: &Terms) -> Result<()> {
    let faults: Vec<String> = report.0.iter().flat_map(|row| row.faults(terms)).collect();
    if faults.is_empty() {
        println!(
            "exactly {} orders wherever that is promised",
            terms.all_pieces()
        );
        Ok(())
    } else {
        Err(Failure::Inexact(faults))
    }
}

/// A front end holds two connections for each buyer, and many systems allow 1,024 files unless asked for more. Where they
/// refuse, a large crowd fails with a message that says so.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
