"""A frozen issue on services of its own, put back to its beginning as often as is wanted, and two workers to send it.

The installation is prepared once; each run gets a copy of its database (CREATE DATABASE … TEMPLATE), which takes a
fraction of a second. Django runs in this process too, as the operator's console; workers are processes of their own.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from benchmarks.own_services import Postgres, Redis, answers, free_port, own_postgres, own_redis, wait_for
from benchmarks.simulators.control import ROOT, HttpSimulator, Simulator, SmtpSimulator

HANDS = 2  # workers, as many as there are cores
BACKEND = {"smtp": "smtp", "http": "mailgun"}  # values of EMAIL_PROVIDER
PREPARED, LIVE = "prepared", "live"  # the two databases
SIGNING_KEY = "simulated"
READY = " ready."  # what a worker says that takes tasks; its own name looks like an address, and is masked
INHERITED = ("PATH", "HOME", "LANG", "PYTHONPATH")  # of our own environment: nothing else may reach the installation


class Process:
    """A process of the installation, with a log of its own."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path, **environment: str) -> None:
        self.name, self._log = name, folder / f"{name}.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_over(self) -> bool:
        return self._process.poll() is not None

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def says(self, words: str) -> bool:
        return words in self._log.read_text(errors="replace")

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end; False when it takes longer."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


class Worker(Process):
    """`celery worker`, with one task at a time in its own process."""

    def __init__(self, name: str, folder: Path) -> None:
        celery = ["-m", "celery", "-A", "config", "worker", "--pool", "solo", "--loglevel", "info", "-n", f"{name}@own"]
        super().__init__(name, [*celery, "--without-gossip", "--without-mingle"], folder, LOG_LEVEL="INFO")

    def wait(self) -> None:
        """Return once it takes tasks. Raises TimeoutError, or RuntimeError when it has ended instead."""
        wait_for(lambda: self.is_over or self.says(READY), f"starting {self.name}", 60)
        if self.is_over:
            raise RuntimeError(f"{self.name} has ended: {self._log.read_text(errors='replace')[-500:]}")


class Ground:
    """The installation: its services, its workers, and its operator commands. Made by `prepared_ground`."""

    hands = HANDS
    timeout = 3  # seconds for an answer of the provider's API
    # Seconds after which a killed worker's rows are taken from it; longer than a call to the provider may take.
    lease = {"smtp": 3, "http": 5}
    rate = {"smtp": "", "http": "400"}  # to be halved by a 429; without it a slowed send would take minutes

    def __init__(self, postgres: Postgres, redis: Redis, folder: Path, provider: str) -> None:
        self.postgres, self.redis, self.folder, self.provider = postgres, redis, folder, provider
        self.mail_port = free_port()  # the same for every simulator: workers live longer than one of them
        self.web_port = free_port()
        self.workers: list[Any] = []
        self.started = 0
        self.period = ""
        self.own = {name: os.environ[name] for name in INHERITED if name in os.environ}

    def environment(self) -> dict[str, str]:
        """What every process of the installation is configured with."""
        return self.own | {
            "DJANGO_SETTINGS_MODULE": "config.settings.development",
            "VAR_DIR": str(self.folder),
            "DATABASE_URL": self.postgres.url(LIVE),
            "CELERY_BROKER_URL": f"{self.redis.url}/0",
            "EMAIL_PROVIDER": BACKEND[self.provider],
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail_port}",
            "ANYMAIL_MAILGUN_API_KEY": SIGNING_KEY,
            "ANYMAIL_MAILGUN_API_URL": f"http://127.0.0.1:{self.mail_port}/v3",
            "ANYMAIL_MAILGUN_SENDER_DOMAIN": "ihop.example.org",
            "ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY,
            "ANYMAIL_REQUESTS_TIMEOUT": str(self.timeout),
            "SEND_LEASE_SECONDS": str(self.lease[self.provider]),
            "SEND_RATE_PER_SECOND": self.rate[self.provider],
        }

    def prepare(self, members: int) -> None:
        """Set Django up here, and make the database that each run begins with: an issue, approved and frozen."""
        environment = self.environment()
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        self.postgres.execute(f"CREATE DATABASE {LIVE}")
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        self.period = self.people(members)
        self.command("approve_issue", self.period, "--by", "approver@example.org")
        self.command("freeze_issue", self.period)
        self._settle_sequences()
        self.disconnect()
        self.postgres.execute(f"CREATE DATABASE {PREPARED} TEMPLATE {LIVE}")

    def people(self, members: int) -> str:
        """Sample content and so many sample members. Returns the issue compiled for them."""
        return str(self.command("demo", "--members", str(members), "--no-send")["issue"])

    def _settle_sequences(self) -> None:
        """Have every sequence write to the log with its next value.

        It logs 32 values ahead, and a copy of its database does not know that nothing of its own log says so: after a
        crash it would give values out again.
        """
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, coalesce(last_value, 1),"
                " last_value IS NOT NULL) FROM pg_sequences"
            )

    def reset(self) -> None:
        """Forget everything since the freeze, in the database and in the broker, and have every worker at hand."""
        self.disconnect()
        self.empty_broker()
        self.postgres.execute(f"DROP DATABASE {LIVE} WITH (FORCE)", f"CREATE DATABASE {LIVE} TEMPLATE {PREPARED}")
        self.replace_workers()
        for worker in self.workers:
            worker.wait()

    def replace_workers(self) -> None:
        """Start a fresh worker for each that has ended."""
        self.workers = [worker for worker in self.workers if not worker.is_over]
        while len(self.workers) < self.hands:
            self.started += 1
            self.workers.append(self.new_worker(f"worker{self.started}"))

    def new_worker(self, name: str) -> Any:
        """Start a worker, which need not take tasks yet."""
        return Worker(name, self.folder)

    def end_workers(self) -> None:
        for worker in self.workers:
            worker.kill()

    def command(self, *arguments: str) -> dict[str, Any]:
        """Run `manage.py … --json` in this process and return what it printed last."""
        from django.core.management import call_command

        said = StringIO()
        call_command(*arguments, "--json", stdout=said)
        result: dict[str, Any] = json.loads(said.getvalue().splitlines()[-1])
        return result

    def console(self, *arguments: str) -> Process:
        """Run `manage.py …` as a process of its own."""
        self.started += 1
        return Process(f"console{self.started}", ["manage.py", *arguments], self.folder)

    def hand_over(self, times: int | None = None) -> None:
        """Leave tasks for the workers, as the minute's tick does for every issue that is being sent."""
        from newsletter.recovery import unfinished_issues
        from newsletter.tasks import send_issue

        for issue in unfinished_issues():
            for _ in range(times or self.hands):
                send_issue.delay(issue)

    def empty_broker(self) -> None:
        """Make Redis lose everything."""
        from redis import Redis as Client

        with Client(port=self.redis.port) as client:
            client.flushall()

    def simulator(self, *, misbehave: str, seed: int) -> Simulator:
        """The mail provider, on the port that the installation knows."""
        if self.provider == "smtp":
            return SmtpSimulator(port=self.mail_port, misbehave=misbehave, seed=seed)
        return HttpSimulator(port=self.mail_port, misbehave=misbehave, seed=seed, more=("--signing-key", SIGNING_KEY))

    def serve(self) -> Process:
        """Start the site, which takes the provider's reports, and return once it answers."""
        gunicorn = ["-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{self.web_port}", "--threads", "2"]
        web = Process("web", gunicorn, self.folder)
        wait_for(lambda: answers(self.web_port), "starting gunicorn")
        return web

    @property
    def webhook(self) -> str:
        return f"http://127.0.0.1:{self.web_port}/webhooks/mailgun/tracking/"

    def disconnect(self) -> None:
        """Let our own connections to the database go."""
        from django.db import connections

        connections.close_all()


@contextmanager
def prepared_ground(
    provider: str, *, members: int = 400, kind: type[Ground] = Ground, serve: bool = False
) -> Iterator[Any]:
    """Services, an installation for `provider` (smtp, http) with its issue frozen, and its site where asked for.

    Takes over this process's environment. Everything started is ended by its process id, whatever happens.
    """
    with ExitStack() as stack:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what follows is ended as well
        postgres, redis = stack.enter_context(own_postgres()), stack.enter_context(own_redis())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ihop-runs-", ignore_cleanup_errors=True)))
        ground = kind(postgres, redis, folder, provider)
        ground.prepare(members)
        stack.callback(ground.end_workers)
        stack.callback(ground.disconnect)
        ground.replace_workers()  # so that they start while the site does
        if serve:
            stack.callback(ground.serve().kill)
        yield ground


def wait_until(what: Any, seconds: float) -> bool:
    """Wait until something is so; False when that takes longer."""
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
