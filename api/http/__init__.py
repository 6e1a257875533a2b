"""HTTP conventions that all resources share."""
