"""`python -m benchmarks.enumeration`: does the time of an answer tell whether an address is known? JSON, last line.

Each public form gets 200 known and 200 unknown addresses in turn, in one process, on an installation of its own with
real password hashes and files as cache. The difference of the medians is judged against what chance alone gives: the
same figures, dealt to the two sides at random 2,000 times. `within_noise`: one deal in a hundred differs as much.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from statistics import median
from typing import Any

TRIES = 200
WARM_UP = 10
DEALS = 2000


def prepare(tries: int) -> Any:
    """Make members of the known addresses; return each form as where it goes and what it sends for an address."""
    from allauth.account.models import EmailAddress
    from django.core.management import call_command

    from cms.models import Sector
    from membership import services
    from membership.models import User

    call_command("migrate", verbosity=0)
    sector = Sector.objects.first()
    password = User(email="x@example.org")
    password.set_password("correct-horse-battery")
    for number in range(tries + WARM_UP):
        one = services.join(email=address("known", number), sectors=[sector], region=None)
        services.confirm(subscription=one)
    User.objects.update(password=password.password)
    EmailAddress.objects.update(verified=True)
    return {
        "join": ("/join/", lambda email: {"email": email, "sectors": [sector.pk], "wants_news": "on"}),
        "resend": ("/join/resend/", lambda email: {"email": email}),
        "login_code": ("/account/login/code/", lambda email: {"email": email}),
        "login": ("/account/login/", lambda email: {"login": email, "password": "wrong-horse-battery"}),
        "reset": ("/account/password/reset/", lambda email: {"email": email}),
    }


def address(start: str, number: int) -> str:
    return f"{start}{number:04d}@example.org"


def measure(form: Any, tries: int, unknown: str) -> dict[str, list[float]]:
    """Milliseconds of each answer, the two kinds in turn and in changing order."""
    from django.test import Client

    where, data = form
    found: dict[str, list[float]] = {"known": [], "other": []}
    for number in range(tries + WARM_UP):
        sides = [("known", "known"), ("other", unknown)]
        random.shuffle(sides)
        for side, start in sides:
            browser = Client(SERVER_NAME="localhost")
            sent = data(address(start, number))
            began = time.perf_counter()
            browser.post(where, sent)
            if number >= WARM_UP:
                found[side].append((time.perf_counter() - began) * 1000)
    return found


def judge(found: dict[str, list[float]]) -> dict[str, Any]:
    """The two medians, their difference, and what difference chance gives in 99 of 100 deals."""
    known, other = found["known"], found["other"]
    difference = median(known) - median(other)
    pairs = list(zip(known, other, strict=True))
    by_chance = []
    for _ in range(DEALS):
        dealt = [pair if random.random() < 0.5 else pair[::-1] for pair in pairs]
        by_chance.append(abs(median(one for one, _ in dealt) - median(one for _, one in dealt)))
    noise = sorted(by_chance)[int(DEALS * 0.99)]
    return {
        "known_ms": round(median(known), 3),
        "unknown_ms": round(median(other), 3),
        "difference_ms": round(difference, 3),
        "noise_ms": round(noise, 3),
        "within_noise": abs(difference) <= noise,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=TRIES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VAR_DIR"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
        import django

        django.setup()
        forms = prepare(arguments.tries)
        result = {
            name: judge(measure(form, arguments.tries, f"new{place:02d}"))  # joining makes them known: new ones each
            for place, (name, form) in enumerate(forms.items())
        }
    for name, figures in result.items():
        print(name, figures, file=sys.stderr)
    print(json.dumps({"tries": arguments.tries, "forms": result}))


if __name__ == "__main__":
    main()
