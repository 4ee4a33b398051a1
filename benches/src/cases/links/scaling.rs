//! Calls over several links at once, against one link.
//!
//! Neighbour: [`remote_call`](crate::cases::remote_call) has the two ends of a link.

use folkmoot::Codec;

use crate::Result;
use crate::bench::{Bench, Target, Unit};
use crate::cases::remote_call::{Ends, Way};
use crate::role::Side;
use crate::rounds::{Pair, Plan, interleaved};
use crate::stopwatch::Stopwatch;

/// Links add up as they do for the floor, or nearly so.
const TARGET: Target = Target::RatioAtLeast(0.9);

pub(super) fn benches() -> Vec<Bench> {
    let of = |links: usize, in_flight: u64, calls: u64| {
        let crowd = if in_flight == 1 { "one at a time" } else { "100 in flight each" };
        let name = format!("calls over {links} links, against 1, {crowd}");
        Bench::new(name, Unit::Factor, TARGET, move |plan| measure(plan, links, in_flight, calls))
    };
    let mut benches = vec![of(2, 1, 4_000), of(8, 1, 4_000)];
    benches.extend([2, 4, 8].map(|links| of(links, 100, 60_000)));
    benches
}

fn measure(plan: &Plan, links: usize, in_flight: u64, calls: u64) -> Result<Vec<Pair>> {
    let mut floor = Links::start(Side::Floor, links, in_flight)?;
    let mut ours = Links::start(Side::Ours, links, in_flight)?;
    // Cold the first time.
    floor.factor(calls)?;
    ours.factor(calls)?;
    interleaved(plan, || floor.factor(calls), || ours.factor(calls))
}

/// The links of one side.
struct Links(Vec<Ends>);

impl Links {
    fn start(side: Side, links: usize, in_flight: u64) -> Result<Links> {
        let way = Way { floor: side, tls: false, codec: Codec::MsgPack, text_bytes: 64, in_flight };
        let pairs = (0..links).map(|nth| Ends::start(side, way, None, Some(nth)));
        pairs.collect::<Result<_>>().map(Links)
    }

    /// Calls in a second over all links, divided by those over one.
    fn factor(&mut self, calls: u64) -> Result<f64> {
        Ok(self.rate(1, calls)?.recip() * self.rate(self.0.len(), calls)?)
    }

    /// Calls in a second over so many of the links, from the first that begins to the last that ends.
    fn rate(&mut self, links: usize, calls: u64) -> Result<f64> {
        let watch = Stopwatch::start();
        for ends in &mut self.0[..links] {
            ends.begin(calls)?;
        }
        for ends in &mut self.0[..links] {
            ends.end()?;
        }
        Ok(links as f64 * calls as f64 / watch.elapsed().as_secs_f64())
    }
}
