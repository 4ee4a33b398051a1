//! The real day: what customers draw in each quarter hour, by the BDEW standard load profiles of 2025.
//!
//! `data/README.md` has the data's origin, licence and units. Always true: a table has [`QUARTERS`] rows.
//! Neighbours: [`household`](crate::household) draws by it, [`sun`](crate::sun) is the other half of a day.

/// Quarter hours of a day.
pub(crate) const QUARTERS: usize = 96;
/// The hours in each of them.
pub(crate) const HOURS_A_QUARTER: f64 = 0.25;
/// The day of the data.
pub(crate) const DATE: &str = "2025-03-19";
/// Which day of its year that is.
pub(crate) const DAY_OF_YEAR: u32 = 78;

const TABLE: &str = include_str!("../data/bdew-2025-03-19.csv");
/// The yearly draw that the table is made for.
const TABLE_KWH_A_YEAR: f64 = 1_000_000.0;

/// Whom a column of the table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// H25: a household.
    Household,
    /// P25: a household with a roof of PV; what it still draws.
    HouseholdWithRoof,
    /// G25: a business.
    Business,
}

/// The table of the day.
#[derive(Debug)]
pub(crate) struct Profiles {
    /// The columns, in the sequence of [`Profile`]; kWh a quarter hour.
    rows: Vec<[f64; 3]>,
}

impl Profiles {
    /// Reads the table that is built into the program.
    ///
    /// # Errors
    /// A sentence that names the row that cannot be read.
    pub(crate) fn read() -> Result<Profiles, String> {
        let mut lines = TABLE.lines();
        if lines.next() != Some("start,h25,p25,g25") {
            return Err("the table of load profiles has other columns than start,h25,p25,g25".to_owned());
        }
        let rows =
            lines.enumerate().map(|(quarter, line)| row(quarter, line)).collect::<Result<Vec<_>, _>>()?;
        match rows.len() {
            QUARTERS => Ok(Profiles { rows }),
            found => {
                Err(format!("the table of load profiles has {found} quarter hours, a day has {QUARTERS}"))
            }
        }
    }

    /// What a customer of that kind, who draws `kwh_a_year`, draws in a quarter hour; kWh.
    pub(crate) fn draw_kwh(&self, profile: Profile, quarter: usize, kwh_a_year: f64) -> f64 {
        self.rows[quarter][profile as usize] * kwh_a_year / TABLE_KWH_A_YEAR
    }
}

fn row(quarter: usize, line: &str) -> Result<[f64; 3], String> {
    let unreadable =
        || format!("the table of load profiles has an unreadable row {}: {line}", clock(quarter));
    let (start, values) = line.split_once(',').ok_or_else(unreadable)?;
    let values: Vec<f64> =
        values.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| unreadable())?;
    let values = values.try_into().map_err(|_| unreadable())?;
    if start == clock(quarter) { Ok(values) } else { Err(unreadable()) }
}

/// When a quarter hour begins, as `HH:MM`.
pub(crate) fn clock(quarter: usize) -> String {
    format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_a_working_day() {
        let profiles = Profiles::read().unwrap();
        let day = |profile| (0..QUARTERS).map(|q| profiles.draw_kwh(profile, q, 1e6)).sum::<f64>();
        // A 365th of the year is 2,740 kWh.
        assert!((day(Profile::Household) - 2_672.479).abs() < 1e-6);
        assert!((day(Profile::HouseholdWithRoof) - 2_986.402).abs() < 1e-6);
        assert!((day(Profile::Business) - 3_406.751).abs() < 1e-6);
        // At noon a roof covers most of what its household needs; 3,500 kWh a year are 0.098 kWh then.
        assert!((profiles.draw_kwh(Profile::Household, 48, 3_500.0) - 0.097_986).abs() < 1e-9);
        assert!((profiles.draw_kwh(Profile::HouseholdWithRoof, 48, 3_500.0) - 0.037_338).abs() < 1e-9);
    }

    #[test]
    fn wrong_rows_are_named() {
        for line in ["00:30,1,2,3", "00:15,1,2", "00:15,1,2,x", "00:15"] {
            assert!(row(1, line).unwrap_err().contains("row 00:15"), "{line}");
        }
        assert_eq!(row(1, "00:15,1,2.5,3"), Ok([1.0, 2.5, 3.0]));
    }
}
