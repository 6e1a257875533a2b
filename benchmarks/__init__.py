"""What requests cost, here and elsewhere: `make bench`."""
