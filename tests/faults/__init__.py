"""What happens to requests, and to what was acknowledged, when something breaks: `make faults`."""
