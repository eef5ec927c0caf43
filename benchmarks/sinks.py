"""What messages are sent to while speed is measured: Debian's smtp-sink where it can be had, else our simulator."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.own_services import answers, free_port, wait_for
from benchmarks.simulators.control import SmtpSimulator


@contextmanager
def smtp_sink() -> Iterator[tuple[str, int]]:
    """Start a sink; yields its name and its port. It is ended by its process id."""
    with tempfile.TemporaryDirectory(prefix="ihop-sink-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        program = _unpacked(folder)
        if not program:
            with SmtpSimulator() as simulator:
                yield "our simulator", simulator.port
            return
        port = free_port()
        libraries = program.parents[1] / "lib" / "postfix"
        process = subprocess.Popen(
            [str(program), *_as_nobody(), "-c", f"127.0.0.1:{port}", "128"],
            env=os.environ | {"LD_LIBRARY_PATH": str(libraries)},
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for(lambda: answers(port), "starting smtp-sink")
            yield "smtp-sink (Postfix)", port
        finally:
            process.terminate()
            process.wait(10)


def _unpacked(folder: Path) -> Path | None:
    """smtp-sink out of Debian's package postfix, which is unpacked but not installed: no daemon is configured."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return None
    with suppress(OSError, subprocess.SubprocessError):
        quiet = {"cwd": folder, "check": True, "capture_output": True, "timeout": 60}
        subprocess.run(["apt-get", "download", "postfix"], **quiet)  # type: ignore[call-overload]
        (package,) = folder.glob("postfix_*.deb")
        subprocess.run(["dpkg", "-x", str(package), str(folder / "postfix")], **quiet)  # type: ignore[call-overload]
        return folder / "postfix" / "usr" / "sbin" / "smtp-sink"
    return None


def _as_nobody() -> list[str]:
    """As root it must be told whom to run as."""
    return ["-u", pwd.getpwnam("nobody").pw_name] if os.geteuid() == 0 else []
