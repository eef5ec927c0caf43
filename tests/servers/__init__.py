"""Servers on loopback that can be told to misbehave. They bind port 0 and stop by themselves."""
