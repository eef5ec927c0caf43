"""A click does not ask whether its connection still lives; it is answered when that has died all the same."""

import json
import subprocess
import sys

from tests.services.conftest import POSTGRES, ROOT, Installation

# Clicks on a link; then ends the connection from another one, as a restart does, and clicks again.
CLICKS = """
import json
import django
django.setup()
import psycopg, sys
from django.db import connection
from django.test import Client
from newsletter.models import Delivery, Hit, Link
from newsletter.tokens import delivery_token, token_hash
from membership.models import Subscription
BROWSER = {"host": "localhost", "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
Subscription.objects.update(track_clicks=True)
Hit.objects.all().delete()
delivery = Delivery.objects.filter(state="sent").first()
link = Link.objects.filter(issue_id=delivery.issue_id).first()
address = f"/l/{delivery_token(delivery.nonce)}/{link.number}"
said = []
for number in range(3):
    response = Client().get(address, headers=BROWSER)
    said.append([response.status_code, response.get("Location") == link.url, Hit.objects.count()])
    if number == 0:
        own = connection.connection.info.backend_pid
        with psycopg.connect(sys.argv[1], autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [own])
print(json.dumps(said))
"""


def test_a_click_is_answered_and_counted_once_after_its_connection_has_died(production_like: Installation) -> None:
    production_like.command("demo", "--members", "20")
    done = subprocess.run(
        [sys.executable, "-c", CLICKS, POSTGRES],
        cwd=ROOT,
        env=production_like.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[302, True, 1], [302, True, 2], [302, True, 3]]
