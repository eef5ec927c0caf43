"""The drill on PostgreSQL, by its operator commands: backup, disaster, restore; and copies made behind our back."""

import json
import shutil
import signal
import subprocess
import time

import psycopg
import pytest
from psycopg import sql

from tests.services.conftest import Installation

BOSS = ("--by", "admin@example.org")


@pytest.fixture
def site(production_like: Installation) -> Installation:
    """Last month's issue frozen and opened, a part of it sent."""
    production_like.month = production_like.command("demo", "--members", "60", "--no-send")["issue"]
    production_like.command("approve_issue", production_like.month, "--by", "approver@example.org")
    return production_like


def ask(site: Installation, statement: str, *values: object) -> list[tuple]:
    with psycopg.connect(site.environment["DATABASE_URL"], autocommit=True) as connection:
        found = connection.execute(statement, values or None)
        return found.fetchall() if found.description else []


def said(site: Installation, *arguments: str) -> str:
    """What a command that is refused says: one line."""
    process = site.start(*arguments)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 1, err
    return err


def written(site: Installation) -> dict[str, int]:
    """When each mail was written: the same delivery twice would be the same file."""
    return {path.name: path.stat().st_mtime_ns for path in site.outbox.glob("*.eml")}


def send_a_part(site: Installation, number: int) -> None:
    """Send until so many mails are out, and kill the sender."""
    process = site.start("send_issue", site.month, "--wait")
    wait_for(site, number, process)
    kill(process)


def wait_for(site: Installation, number: int, process: subprocess.Popen) -> None:
    until = time.monotonic() + 120
    while len(site.mails()) < number:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.05)


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)


def test_programs_of_a_newer_postgresql(production_like, tmp_path):
    """From 17 on pg_restore asks for a parameter that older servers refuse: it is left out."""
    real = shutil.which("pg_restore")
    newer = tmp_path / "bin" / "pg_restore"
    newer.parent.mkdir()
    newer.write_text(
        f'#!/bin/sh\n{real} "$@" | sed "/^SET lock_timeout/a SET transaction_timeout = 0;"\n'
        f'case "$*" in *--file=-*) ;; *) echo "unrecognized configuration parameter" >&2; exit 1 ;; esac\n'
    )
    newer.chmod(0o755)
    production_like.environment["PATH"] = f"{newer.parent}:{production_like.environment['PATH']}"
    made = production_like.command("backup", str(tmp_path / "backups"), "--verify")
    assert made["verified"]
    done = production_like.command("restore", made["path"])
    assert done["rows"] == sum(made["manifest"]["counts"].values()) > 0


def test_disaster_in_the_middle_of_a_send(site, tmp_path):
    site.environment["SEND_RATE_PER_SECOND"] = "0.5"
    sender = site.start("send_issue", site.month, "--wait")
    wait_for(site, 5, sender)
    made = site.command("backup", str(tmp_path / "backups"))
    counts = made["manifest"]["counts"]

    # After the backup: more is sent, one of those who still wait is erased, another leaves.
    wait_for(site, len(site.mails()) + 5, sender)
    kill(sender)
    site.environment["SEND_RATE_PER_SECOND"] = "0"
    mails = written(site)
    assert site.command("verify_backup", made["path"])["verified"]
    waiting = ask(
        site,
        "SELECT u.email, m.id FROM newsletter_delivery d JOIN membership_member m ON m.id = d.member_id "
        "JOIN membership_user u ON u.id = m.user_id WHERE d.state IN ('pending', 'claimed') ORDER BY d.id DESC LIMIT 2",
    )
    (erased, _), (left, member) = waiting
    site.command("erase_member", erased)
    ask(site, "UPDATE membership_subscription SET state = 'ended', ended_at = now() WHERE member_id = %s", member)
    (hashed,) = ask(site, "SELECT address_hash FROM membership_user WHERE email = %s", left)[0]
    with (site.folder / "erasures.jsonl").open("a") as journal:
        (moment,) = ask(site, "SELECT now()")[0]
        journal.write(json.dumps({"hash": hashed, "reason": "left", "at": moment.isoformat()}) + "\n")

    assert "--replace" in said(site, "restore", made["path"])
    done = site.command("restore", made["path"], "--replace")
    assert done["replayed"]["erased"] == 1
    assert ask(site, "SELECT count(*) FROM membership_user WHERE email = %s", erased) == [(0,)]
    assert ask(site, "SELECT state FROM membership_subscription WHERE member_id = %s", member) == [("ended",)]
    assert ask(site, "SELECT count(*) FROM newsletter_edition") == [(counts["newsletter_edition"],)]

    # Nothing goes out by itself, neither before nor after it is armed.
    assert "disarmed" in said(site, "send_issue", site.month, "--wait")
    site.command("arm_sending", *BOSS, "--reason", "The drill")
    site.command("tick")
    site.command("resume_issue", site.month)
    site.command("send_issue", site.month, "--wait")
    assert written(site) == mails
    certificate = site.command("certify_issue", site.month, check=False)
    assert certificate["balanced"]
    assert certificate["unknown"] == sum(done["to_decide"].values()) > 0

    # What went out since is in the provider's log, here the names of the files; the others are sent.
    log = tmp_path / "log"
    sent = ask(site, "SELECT id FROM newsletter_delivery WHERE state = 'unknown' AND member_id IS NOT NULL")
    gone_out = [str(pk) for (pk,) in sent if any(name.endswith(f"-{pk:06d}.eml") for name in mails)]
    assert gone_out
    log.write_text("\n".join(gone_out))
    site.command("decide", site.month, "--treat-as-sent", "--reason", "In the log", "--deliveries-from", str(log))
    site.command("decide", site.month, "--send-again", "--reason", "Not in the log")
    site.command("send_issue", site.month, "--wait")
    site.command("decide", site.month, "--treat-as-sent", "--reason", "Erased", check=False)
    site.command("tick")
    assert site.command("certify_issue", site.month)["unknown"] == 0
    after = written(site)
    assert {name: after[name] for name in mails} == mails, "nobody was mailed twice"
    people = [line for mail in site.mails().values() for line in mail.splitlines() if line.startswith(b"To:")]
    assert len(people) == len(set(people))
    assert not any(address.encode() in b"".join(people) for address in (erased, left))


def test_restore_killed_while_the_database_is_replaced_leaves_it_as_it_was(site, tmp_path):
    made = site.command("backup", str(tmp_path / "one.tar"))
    ask(site, "UPDATE membership_user SET first_name = 'After'")
    with psycopg.connect(site.environment["DATABASE_URL"]) as busy:
        busy.execute("SELECT count(*) FROM membership_user")  # holds up the replacement half-way
        process = site.start("restore", made["path"], "--replace")
        until = time.monotonic() + 60
        waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        while not ask(site, waits):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    until = time.monotonic() + 60
    while ask(site, "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'psql'"):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert ask(site, "SELECT DISTINCT first_name FROM membership_user") == [("After",)]
    assert ask(site, "SELECT count(*) FROM cms_disarmed") == [(0,)]


def test_copies_made_by_hand_mail_nobody(site, tmp_path):
    """A dump restored into another database, and into the same one."""
    send_a_part(site, 5)
    address, name = site.environment["DATABASE_URL"].rsplit("/", 1)
    dump = tmp_path / "by-hand.dump"
    subprocess.run(["pg_dump", "-Fc", "-f", dump, f"{address}/{name}"], check=True)
    copy = f"{name}_copy"
    with psycopg.connect(f"{address}/{name}", autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(copy)))
    try:
        subprocess.run(["pg_restore", "-d", f"{address}/{copy}", dump], check=True)
        elsewhere = Installation(tmp_path / "copy", DATABASE_URL=f"{address}/{copy}")
        assert "is a copy" in said(elsewhere, "send_issue", site.month, "--wait")
        assert elsewhere.mails() == {}
    finally:
        with psycopg.connect(f"{address}/{name}", autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(copy)))
    before = written(site)
    subprocess.run(["pg_restore", "--clean", "--if-exists", "-d", f"{address}/{name}", dump], check=True)
    assert "is a copy" in said(site, "send_issue", site.month, "--wait")
    assert written(site) == before


def test_without_postgresqls_programs_it_says_what_to_install(site, tmp_path):
    site.environment["PATH"] = str(tmp_path)
    assert "postgresql-client" in said(site, "backup", str(tmp_path / "x.tar"))
    assert not list(tmp_path.glob("*.tar"))
