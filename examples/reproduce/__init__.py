"""Published results again, from their own protocols: `python -m examples.reproduce`.

Each file is one source. Its docstring is the protocol in full, and its `run(quick)` returns what
came of it. What lives elsewhere: `results` says what it means to reproduce a number, `__main__`
runs all and writes the table and the page of pictures.
"""
