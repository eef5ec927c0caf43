"""What every settings file reads from: the environment, and where this installation writes."""

from pathlib import Path

import environ

from config import environment

BASE_DIR = Path(__file__).resolve().parents[2]
environment.prepare()  # tools that choose the settings themselves have not
env = environ.Env()
# An empty variable says the same as none: compose files and shells leave such behind.
env.ENVIRON = {name: value for name, value in env.ENVIRON.items() if value}

# Everything this installation writes: database, outgoing mail, broker messages, uploads.
VAR_DIR = Path(env("VAR_DIR", default=str(BASE_DIR / "var")))
VAR_DIR.mkdir(parents=True, exist_ok=True)
