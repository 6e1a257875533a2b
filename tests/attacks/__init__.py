"""Attacks on the server, bounded in number and time: `make attacks`."""
