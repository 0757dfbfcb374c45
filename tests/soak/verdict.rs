//! Whether memory stayed flat.

use crate::broker::Sample;

/// What a broker may grow by after its warm-up: allocators settle late, and its load is not even.
const TOLERATED: f64 = 1.10;
const TOLERATED_MEBIBYTES: f64 = 2.0;

/// The first fifth is the warm-up. Of what follows, the last third is compared with the first, by their medians.
pub(crate) fn judge(samples: &[Sample]) -> Result<(), String> {
    let warm = &samples[samples.len() / 5..];
    let third = warm.len() / 3;
    if third == 0 {
        return Err("too few samples".to_owned());
    }
    let (early, late) = (median(&warm[..third]), median(&warm[warm.len() - third..]));
    let most = early * TOLERATED + TOLERATED_MEBIBYTES;
    println!(
        "after the warm-up {early:.1} MiB, at the end {late:.1} MiB (tolerated: {most:.1}); {:+.3} MiB a minute",
        slope(warm)
    );
    if late > most {
        return Err(format!(
            "memory grows: {late:.1} MiB are more than {most:.1}"
        ));
    }
    Ok(())
}

fn median(samples: &[Sample]) -> f64 {
    let mut sorted: Vec<f64> = samples.iter().map(Sample::mebibytes).collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Of the line through all samples, one a second.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean = samples.iter().map(Sample::mebibytes).sum::<f64>() / count;
    let middle = (count - 1.0) / 2.0;
    let (mut along, mut square) = (0.0, 0.0);
    for (second, sample) in samples.iter().enumerate() {
        let distance = second as f64 - middle;
        along += distance * (sample.mebibytes() - mean);
        square += distance * distance;
    }
    60.0 * along / square.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(mebibytes: impl Fn(f64) -> f64) -> Vec<Sample> {
        let sample = |second| {
            let kibibytes = mebibytes(f64::from(second) / 3600.0) * 1024.0;
            Sample::parse(&format!("sample {kibibytes:.0} 1 2")).expect("a sample")
        };
        (0..3600).map(sample).collect()
    }

    #[test]
    fn what_settles_is_flat() {
        assert_eq!(
            judge(&hour(|hours| 20.0 - 8.0 / (1.0 + 20.0 * hours))),
            Ok(())
        );
    }

    #[test]
    fn what_goes_on_growing_is_not() {
        assert!(judge(&hour(|hours| 15.0 + 15.0 * hours)).is_err());
        assert!(judge(&[]).is_err());
    }
}
