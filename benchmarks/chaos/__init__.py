"""Chaos: sends struck by several things at once, each by its seed, and the ledger laid on what the provider counted.

    plans      which events strike which scenario, and when
    events     what each event does
    catching   a worker held at a boundary of the ledger, to be killed or stopped right there
    ground     the installation, and `nursery` its workers
    playing    one scenario, from its first task to its verdict
    checking   what a scenario must have kept to, as a list of complaints

`python -m benchmarks.chaos --help`. Everything runs on loopback, on services of its own.
"""
