//! Fuzz targets for the decoders of folkmoot-codecs: one body each, in [`bodies`].
//!
//! Run one with `cargo +nightly fuzz run json` in the folder above. What it finds belongs into `corpus/`.

pub mod bodies;
