//! The protocols crate as its users see it, part by part.

#[path = "protocols/bytes.rs"]
mod bytes;
#[path = "protocols/specification.rs"]
mod specification;
