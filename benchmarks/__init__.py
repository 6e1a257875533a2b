"""Benchmarks of what requests cost, beside other frameworks: `make bench`."""
