//! Fuzz targets for the decoders of folkmoot-protocols: one body each, in [`bodies`].
//!
//! Run one with `cargo +nightly fuzz run message` in the folder above. What it finds belongs into `corpus/`.

pub mod bodies;
