"""The papers' tables, trial runs on open data, and benchmarks."""
