"""Faults injected under load, and what they cost in failed requests and lost writes: `make faults`."""
