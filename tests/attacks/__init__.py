"""What an attacker tries against the server, bounded in number and time."""
