"""The `pressroom` command: a module per command group."""
