"""Ask the package index for known weaknesses of all that we are pinned to, and say plainly when it cannot be asked.

Exit 0: none known, or nobody to ask (said loudly; ADR 30). Exit 1: a weakness is known.
"""

import json
import subprocess
import sys

# The second holds the first, and what SENTRY_DSN and OTEL_EXPORTER_OTLP_ENDPOINT need.
LOCKS = ("requirements.lock", "requirements-extras.lock")


def main() -> int:
    files = [word for lock in LOCKS for word in ("-r", lock)]
    command = [sys.executable, "-m", "pip_audit", *files, "--disable-pip", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own words only
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        print(f"NOT AUDITED: pip-audit gave no answer. {done.stderr.strip()[-300:]}")
        return 0
    weak = [(one["name"], one["version"], hole) for one in packages for hole in one.get("vulns", [])]
    for name, version, hole in weak:
        fixed = ", ".join(hole.get("fix_versions") or []) or "no version yet"
        print(f"{name} {version}: {hole['id']}, mended in {fixed}. Raise it in pyproject.toml, then `make lock`.")
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    if skipped:
        print(f"NOT AUDITED: {len(skipped)} of {len(packages)} packages; this index keeps no record of weaknesses.")
    else:
        print(f"{len(packages)} packages were audited; {len(weak)} known weaknesses.")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main())
