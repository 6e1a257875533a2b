"""`python -m api.cli` is `pressroom`."""

from api.cli.main import cli

if __name__ == "__main__":
    cli(prog_name="pressroom")
