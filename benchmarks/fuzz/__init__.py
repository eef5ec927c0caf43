"""Fuzz: requests of every shape to every public address of the URL conf; none may be answered with a 500.

    endpoints  the addresses, read from the URL conf, so that new ones are covered by themselves
    asking     what hypothesis makes of them: methods, paths, query strings, headers and bodies
    answering  one process that asks, and writes down what came back

`python -m benchmarks.fuzz --help`. In-process, on PostgreSQL: NUL and large numbers are errors there that
SQLite does not know.
"""
