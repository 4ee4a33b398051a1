# The verbs of daily work. Those of CI are the scripts in .ci/, so both always do the same.

# The verbs
default:
    @just --list

# All that CI does
ci:
    .ci/run

# All tests
test:
    .ci/test

# Is the code formatted? (`cargo fmt --all` does it)
fmt:
    .ci/fmt

# clippy on all targets, warnings are errors
lint:
    .ci/lint

# The documentation, warnings are errors
docs:
    .ci/docs

# The demo and the other examples, run to their end
examples:
    .ci/examples

# Against aiomas, aea and academy as released; needs CPython 3.8, 3.10 and 3.11 under pyenv
live:
    .ci/live

# Networks and processes that fail; `just faults long` with the times that nodes have unless told otherwise
faults *arguments:
    .ci/faults {{arguments}}

# Kill an exchange again and again while others use it, and look whether anything is lost; `just crash --rounds 1000`
crash *arguments:
    .ci/crash {{arguments}}

# Flip a byte of an exchange's files, so many times, and look whether it is told and costs nothing; a table of where they lay
flips tried="2000":
    FOLKMOOT_FLIPS={{tried}} cargo test -p folkmoot-exchange --features sqlite --test flips -- --ignored --nocapture

# Write the recorded frames of aiomas and messages of aea anew
record:
    .ci/live record

# The dependency tree against deny.toml, advisories too
deny:
    .ci/deny all

# One table of ratios against floors; `--list` names the cases, `--write BENCHMARKS.md` keeps the table
bench *arguments:
    cargo run --release --package folkmoot-benches -- {{arguments}}

# One fuzz target for a while, of `codecs`, `agents/protocols` or `platform/interop`; needs nightly Rust and cargo-fuzz
fuzz target seconds="60" crate="codecs":
    cargo +nightly fuzz run --fuzz-dir {{crate}}/fuzz {{target}} -- -max_total_time={{seconds}}
