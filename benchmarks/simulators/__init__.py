"""Mail servers that count what they accept per recipient, and misbehave on command. Loopback only, bounded in time.

`python -m benchmarks.simulators.smtp` takes mail by SMTP, `python -m benchmarks.simulators.http` as a provider's API.
"""
