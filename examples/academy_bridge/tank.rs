//! The tank: an agent of Folkmoot's whose mailbox is open to agents of Academy's.
//!
//! Neighbours: the garden in Python asks it for water, [`main`](crate::run) lets it rain.

use folkmoot::Exception;
use folkmoot::prelude::*;

/// What the tank holds, in litres.
const CAPACITY: f64 = 20.0;

/// Water for a garden.
#[derive(Agent)]
pub(crate) struct Tank {
    litres: f64,
    drawn: f64,
}

impl Default for Tank {
    fn default() -> Tank {
        Tank { litres: CAPACITY / 2.0, drawn: 0.0 }
    }
}

#[agent]
impl Tank {
    /// Gives so many litres, which are taken out of the tank.
    #[expose]
    fn draw(&mut self, litres: f64) -> Result<f64, Exception> {
        if !litres.is_finite() || litres < 0.0 {
            return Err(Exception::value_error(format!("{litres} litres cannot be drawn")));
        }
        if litres > self.litres {
            return Err(Exception::new("ResourceWarning", format!("only {} litres are left", self.litres)));
        }
        self.litres -= litres;
        self.drawn += litres;
        Ok(litres)
    }

    /// How many litres there are.
    #[expose]
    fn level(&self) -> f64 {
        self.litres
    }

    /// How many litres were ever drawn.
    #[expose]
    fn drawn(&self) -> f64 {
        self.drawn
    }

    /// It rains; what the tank cannot hold runs over.
    #[expose]
    fn rain(&mut self, litres: f64) {
        self.litres = (self.litres + litres).min(CAPACITY);
    }
}
