"""The production settings, with one address more: what the cheapest redirect costs on the same server."""

from config.settings.production import *  # noqa: F403

ROOT_URLCONF = "benchmarks.ingest_urls"
