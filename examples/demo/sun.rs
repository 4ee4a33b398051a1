//! The sun over the community: what a roof yields in each quarter hour of a clear day.
//!
//! Astronomy and a textbook model of clear air, for roofs that look south at 30 degrees. Always true: no yield before
//! sunrise or after sunset. Neighbour: [`household`](crate::household) feeds it in.

use std::f64::consts::TAU;

use crate::profiles::{DAY_OF_YEAR, HOURS_A_QUARTER};

/// Kassel, in the middle of Germany; degrees.
const LATITUDE: f64 = 51.3;
const LONGITUDE: f64 = 9.5;
/// The meridian of Central European Time; degrees.
const TIME_MERIDIAN: f64 = 15.0;
const ROOF_TILT: f64 = 30.0;
/// Sunlight above the air; kW/m2.
const SOLAR_CONSTANT: f64 = 1.353;
/// Light from the whole sky, relative to that from the sun alone.
const DIFFUSE: f64 = 0.1;
/// What is left after inverter, wires, warmth and dust.
const PERFORMANCE: f64 = 0.85;

/// What a roof yields in a quarter hour, in kWh for each kW of its peak power.
pub(crate) fn yield_kwh(quarter: usize) -> f64 {
    let declination = declination();
    let hour = hour_angle((quarter as f64 + 0.5) * HOURS_A_QUARTER);
    let height = sine_towards(LATITUDE, declination, hour);
    if height <= 0.0 {
        return 0.0;
    }
    // Meinel's direct light behind `1 / height` air masses.
    let direct = SOLAR_CONSTANT * 0.7_f64.powf(height.recip().powf(0.678));
    let on_roof = sine_towards(LATITUDE - ROOF_TILT, declination, hour).max(0.0);
    direct * (on_roof + DIFFUSE) * PERFORMANCE * HOURS_A_QUARTER
}

/// The sun's distance from the equator; radians.
fn declination() -> f64 {
    23.44_f64.to_radians() * (TAU * f64::from(DAY_OF_YEAR + 284) / 365.0).sin()
}

/// How far the sun stands from its noon, by the clock on the wall; radians.
fn hour_angle(clock_hours: f64) -> f64 {
    let season = TAU * (f64::from(DAY_OF_YEAR) - 81.0) / 364.0;
    let equation_of_time = 9.87 * (2.0 * season).sin() - 7.53 * season.cos() - 1.5 * season.sin();
    let solar_hours = clock_hours + (equation_of_time + 4.0 * (LONGITUDE - TIME_MERIDIAN)) / 60.0;
    (solar_hours - 12.0) * TAU / 24.0
}

/// The sine of the sun's height over a plane that lies level at this latitude.
fn sine_towards(latitude: f64, declination: f64, hour: f64) -> f64 {
    let latitude = latitude.to_radians();
    latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * hour.cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::{QUARTERS, clock};

    #[test]
    fn the_sun_rises_and_sets_as_on_that_day() {
        let light: Vec<usize> = (0..QUARTERS).filter(|&quarter| yield_kwh(quarter) > 0.0).collect();
        // Kassel, 19 March 2025: sunrise 6:27, sunset 18:32 (with refraction).
        assert_eq!(clock(light[0]), "06:30");
        assert_eq!(clock(light[light.len() - 1]), "18:15");
        let best = (0..QUARTERS).max_by(|&a, &b| yield_kwh(a).total_cmp(&yield_kwh(b))).unwrap();
        // It stands highest at half past twelve, between these two.
        assert!(["12:15", "12:30"].contains(&clock(best).as_str()));
    }

    #[test]
    fn a_clear_day_of_march_yields_five_hours_of_full_power() {
        let day: f64 = (0..QUARTERS).map(yield_kwh).sum();
        assert!((4.0..6.5).contains(&day), "{day} kWh for each kW");
        assert!((0..QUARTERS).all(|quarter| yield_kwh(quarter) <= HOURS_A_QUARTER));
    }
}
