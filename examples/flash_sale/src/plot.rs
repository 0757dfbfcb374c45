//! The picture: throughput by the number of clients, a line for each variant.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::failure::{Failure, Result};
use crate::report::Report;

const SIZE: (u32, u32) = (900, 560);
/// Told apart by those who do not see all colours, too (Okabe and Ito's).
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 0, 0),
    RGBColor(120, 120, 120),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

pub(crate) fn write(report: &Report, title: &str, to: &Path) -> Result<()> {
    draw(report, title, to)
        .map_err(|error| Failure::Unusable(format!("drawing {}: {error}", to.display())))
}

fn draw(report: &Report, title: &str, to: &Path) -> std::result::Result<(), Box<dyn Error>> {
    let mut lines: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    for row in &report.0 {
        let point = (f64::from(row.clients), row.throughput());
        match lines.iter_mut().find(|(name, _)| *name == row.variant.name) {
            Some((_, points)) => points.push(point),
            None => lines.push((row.variant.name, vec![point])),
        }
    }
    let points = || lines.iter().flat_map(|(_, points)| points);
    let widest = points().map(|point| point.0).fold(1.0, f64::max);
    let highest = points().map(|point| point.1).fold(1.0, f64::max);

    let area = SVGBackend::new(to, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..widest * 1.05, 0.0..highest * 1.1)?;
    chart
        .configure_mesh()
        .x_desc("clients at once")
        .y_desc("transactions a second")
        .x_label_formatter(&|clients| format!("{clients:.0}"))
        .y_label_formatter(&|rate| format!("{rate:.0}"))
        .draw()?;
    for ((name, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style).point_size(4))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}
