# `just` lists what there is to do.

_default:
    @just --list

# All that must hold before a change is merged
ci:
    .ci/run

# Format the code
fmt:
    cargo fmt --all

# Lint everything, the suite on a real API server included
lint:
    cargo clippy --locked --workspace --all-targets -- -D warnings
    cargo clippy --locked -p sei-operator --features real-api-server --all-targets -- -D warnings

# Hermetic tests: need Rust and nothing else
test:
    cargo test --workspace --locked

# Tests on a real API server: need Go, see docs/testing-real.md; arguments choose scenarios by name
real *scenarios:
    cargo test -p sei-operator --features real-api-server --test real --locked -- {{ scenarios }}

# What a change must survive: every fault at every call, pairs of faults, thousands of random lives
campaign:
    .ci/campaign change

# The campaign at its full size: more than an hour
nightly:
    .ci/campaign nightly

# Watch a node come up, without a cluster
demo:
    cargo run -p sei-operator -- simulate -f fixtures/samples/pacific-1-state-syncer.yaml

# API documentation
docs:
    RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps

# Write the files that are generated from the code
generate:
    .ci/generate
    UPDATE_FIXTURES=1 cargo test --locked -p sei-planner --test crd_compat
    UPDATE_FIXTURES=1 cargo test --locked -p sei-tasks --test verdicts

# Write the snapshots of tests anew; read the difference before you commit it
review:
    INSTA_UPDATE=always cargo test --workspace --locked
    git --no-pager diff --stat -- '*.snap'
    git diff -- '*.snap'

# Measure the planner
bench:
    cargo bench --locked -p sei-planner

# Measure the released operator on fleets of 100 and 500 nodes: needs Go, see docs/testing-real.md; about ten minutes
cost:
    .ci/cost

# Licences, advisories, sources and doubles of the dependencies (needs cargo-deny)
deny:
    cargo deny --locked check

# Look for inputs that break a promise of a parser: see docs/fuzzing.md
fuzz target seconds:
    FUZZ_SECONDS={{ seconds }} .ci/fuzz -1 {{ target }}

# Ten million inputs for each parser: hours
fuzz-all:
    FUZZ_JOBS=2 .ci/fuzz 10000000
