"""Examples: each file is a program of its own; `reproduce` is one in several files."""
