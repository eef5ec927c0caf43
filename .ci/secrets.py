"""Look for keys and passwords in committed files; what is meant stands as a hash in .secrets.baseline (ADR 30).

Exit 1 when there is anything else. `--accept` writes the baseline anew: say in the commit what was accepted.
Line numbers are not compared, so that moving a line is no finding.
"""

import json
import subprocess
import sys
from pathlib import Path

BASELINE = Path(".secrets.baseline")
# Lock files and providers' payloads are full of hashes.
FILES = ["git", "ls-files", "-z", "--", ":!*.lock", ":!*lock.json", ":!tests/payloads", ":!.secrets.baseline"]
# Words such as “password” are half the code of a membership service, and the placeholders of documented addresses.
OPTIONS = ["--disable-plugin", "KeywordDetector", "--exclude-secrets", "^(password|secret|ihop|pw|.{1,3})$"]


def main() -> int:
    files = subprocess.run(FILES, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]  # noqa: S603
    command = [sys.executable, "-m", "detect_secrets", "scan", *OPTIONS, *files]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603
    known = _hashes(json.loads(BASELINE.read_text())) if BASELINE.exists() else set()
    if "--accept" in sys.argv:
        for secrets in found["results"].values():
            for secret in secrets:
                del secret["line_number"]
        BASELINE.write_text(json.dumps({"results": found["results"]}, indent=1) + "\n")
        return 0
    fresh = [
        f"{name}:{secret['line_number']}: {secret['type']}. Take it out, and change it wherever it is in use."
        for name, secrets in found["results"].items()
        for secret in secrets
        if (name, secret["hashed_secret"]) not in known
    ]
    print("\n".join(fresh) if fresh else f"{len(files)} files hold no key and no password.")
    return 1 if fresh else 0


def _hashes(kept: dict[str, dict[str, list[dict[str, str]]]]) -> set[tuple[str, str]]:
    return {(name, secret["hashed_secret"]) for name, secrets in kept["results"].items() for secret in secrets}


if __name__ == "__main__":
    sys.exit(main())
