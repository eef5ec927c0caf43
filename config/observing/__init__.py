"""How the service is watched: logs, request ids, probes, metrics; Sentry and OpenTelemetry if wanted (ADR 25)."""
