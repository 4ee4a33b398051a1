//! Calls between agents of one process: values, order, errors, panics, cancel, deadlines, deadlocks, overload.

mod calls {
    mod cancelling;
    mod counter;
    mod deadlocks;
    mod errors;
    mod lives;
    mod panics;
    mod turns;
    mod workers;
}
