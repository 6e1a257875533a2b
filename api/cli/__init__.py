"""The `pressroom` command: one module per command group."""
