"""How the calls of a worker run: one at a time on the main thread."""
