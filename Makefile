# What people type. CI runs `make test` through .ci/run.

.PHONY: run test check release bench counts faults

# A node in the foreground, with an embedded database.
run:
	cargo run -p gibbon -- run

# Everything CI checks: format, lints, tidy, tests, and (where ../shared/oracle is) the recorded cases.
test:
	@tests/all

# The quick half: format, lints, tidy.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo xtask tidy

# The binary as it is released: trained with the benches' loads. Takes two builds.
release:
	benches/trained

# What is promised, measured beside nginx: builds a release, installs what is missing. QUICK=1 takes under 3 minutes.
bench:
	benches/run $(if $(QUICK),--quick)

# Instructions and allocations of the hot paths against benches/counts.json; needs valgrind.
counts:
	benches/counts

# Kills and cuts under load, and prints what was lost; `tests/faults quick` is the part that CI runs.
faults:
	tests/faults
