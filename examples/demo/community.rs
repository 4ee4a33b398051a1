//! Who lives in the community: 200 members, their sizes, roofs, batteries and tariffs.
//!
//! Drawn from a seeded generator, so every process and every run has the same members. Neighbours:
//! [`household`](crate::household) is the agent of one member, [`nodes`](crate::nodes) hosts half of them each.

use crate::battery::Battery;
use crate::profiles::Profile;

/// Members of the community.
pub(crate) const MEMBERS: usize = 200;
/// Members whose agents live on one node.
pub(crate) const MEMBERS_A_NODE: usize = 100;

const SEED: u64 = 20_250_319;

/// One member: what it draws and yields, and what it would pay and earn without the community.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    /// The name of its agent, such as `household-007`.
    pub(crate) name: String,
    pub(crate) profile: Profile,
    /// What it draws from the grid, in kWh a year.
    pub(crate) kwh_a_year: f64,
    /// The peak power of its roof in kW; 0 without one.
    pub(crate) roof_kw: f64,
    pub(crate) battery: Option<Battery>,
    /// Its supplier's tariff for what it draws, in EUR/kWh.
    pub(crate) retail: f64,
    /// The tariff for what it feeds in, in EUR/kWh.
    pub(crate) feed_in: f64,
}

/// All members, in the sequence of their names.
pub(crate) fn members() -> Vec<Member> {
    let mut dice = fastrand::Rng::with_seed(SEED);
    (1..=MEMBERS).map(|number| member(number, &mut dice)).collect()
}

/// 55 % are households, 35 % households with a roof (half of them with a battery), 10 % businesses.
fn member(number: usize, dice: &mut fastrand::Rng) -> Member {
    let (profile, kwh_a_year) = match dice.u32(0..100) {
        0..55 => (Profile::Household, between(dice, 1_800.0, 5_500.0)),
        55..90 => (Profile::HouseholdWithRoof, between(dice, 1_500.0, 4_000.0)),
        _ => (Profile::Business, between(dice, 5_000.0, 15_000.0)),
    };
    let has_roof = profile == Profile::HouseholdWithRoof;
    let has_battery = has_roof && dice.bool();
    Member {
        name: format!("household-{number:03}"),
        profile,
        kwh_a_year,
        roof_kw: if has_roof { between(dice, 4.0, 10.0) } else { 0.0 },
        retail: cents(dice, 290, 360),
        feed_in: cents(dice, 75, 86),
        battery: has_battery.then(|| Battery {
            capacity_kwh: between(dice, 5.0, 12.0),
            buys_below: cents(dice, 120, 170),
            sells_above: cents(dice, 210, 260),
        }),
    }
}

fn between(dice: &mut fastrand::Rng, least: f64, most: f64) -> f64 {
    least + dice.f64() * (most - least)
}

/// A price between so many tenths of a cent; EUR.
fn cents(dice: &mut fastrand::Rng, least: u32, most: u32) -> f64 {
    f64::from(dice.u32(least..=most)) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_community_is_the_same_in_every_process() {
        let all = members();
        assert_eq!(all, members());
        assert_eq!(all.len(), MEMBERS);
        assert_eq!(all[6].name, "household-007");
    }

    #[test]
    fn nobody_gains_by_selling_what_they_bought() {
        for member in members() {
            assert!(member.feed_in < member.retail, "{member:?}");
            let Some(battery) = member.battery else { continue };
            assert!(battery.buys_below < battery.sells_above * crate::battery::EFFICIENCY, "{member:?}");
            assert!(member.feed_in < battery.buys_below && battery.sells_above < member.retail, "{member:?}");
        }
    }
}
