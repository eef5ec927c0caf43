"""Batches: what goes out for several people in one call, and what each way of answering it proves for each of them."""

import json
import re
from html import escape, unescape

import pytest
from anymail.message import AnymailRecipientStatus, AnymailStatus

from newsletter.providers import provider
from newsletter.skeletons import Variant, Workshop
from newsletter.transports.base import Outcome, Result, TransportUnavailable
from newsletter.transports.batching import PEOPLE, Draft, Drafts, address, build_mail, calls
from newsletter.transports.judging import judge_status
from tests.newsletter.fakes import crowd_of, open_mailing
from tests.newsletter.transports import SITE, UNSUBSCRIBE, BrokenLetter, Letter
from tests.newsletter.transports.replies import MERGED, RECEIVED, TAKEN
from tests.servers.http import Reply

BATCHED = tuple(MERGED)
HOSTILE = [
    "%recipient.token%",
    "%recipient.h:List-Unsubscribe%",
    "{{token}}",
    "{{{token}}}",
    "{{{greeting_text}}}",
    "[%token%]",
    "*|TOKEN|*",
    "<b>Sam & Pat</b>",
    "&#123;&#123;token}}",
    "ihop-token-slot-token-",
    "Zoë",
    "",
]


def person(number, **more):
    token = f"{number:022}"
    return Letter(delivery=number, recipient=f"person{number}@example.org", token=token, **more)


def people(number):
    return [person(one) for one in range(1, number + 1)]


# --- What goes out ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BATCHED)
def test_everybody_of_a_batch_receives_what_a_call_for_them_alone_would_bring(provider_server, transport_for, name):
    letters = [person(number, first_name=name) for number, name in enumerate(HOSTILE, start=1)]
    transport = transport_for(name)
    provider_server.usual = MERGED[name](len(letters))
    assert [one.result for one in transport.send(letters)] == [Result.SENT] * len(letters)
    (together,) = (RECEIVED[name](request) for request in provider_server.requests)
    provider_server.usual = TAKEN[name]
    alone = {}
    for letter in letters:
        list(transport.send([letter]))
        alone |= RECEIVED[name](provider_server.requests[-1])
    assert together == alone
    assert set(together) == {letter.recipient for letter in letters}


@pytest.mark.parametrize("name", BATCHED)
def test_everybody_of_a_batch_gets_their_own_greeting_links_and_headers_and_nobody_elses(
    provider_server, transport_for, name
):
    provider_server.usual = MERGED[name](2)
    sam, pat = person(1, first_name="Sam"), person(2, first_name="P<t")
    list(transport_for(name).send([sam, pat]))
    got = RECEIVED[name](provider_server.requests[0])
    for letter, other, greeting in ((sam, pat, "Hello Sam,"), (pat, sam, "Hello P<t,")):
        mail = got[letter.recipient]
        assert mail["text"] == f"{greeting}\n\nNew this month.\n"
        assert f"<p>{escape(greeting)}</p>" in mail["html"]
        assert f'href="{SITE}/{letter.token}/"' in mail["html"]
        whole = json.dumps(mail)
        assert f"<{SITE}/{letter.token}/>" in whole
        assert f"<{letter.delivery}.2026-10@ihop.example.org>" in whole
        assert other.token not in whole
        assert other.recipient not in whole
        assert UNSUBSCRIBE not in whole


@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize("first_name", HOSTILE)
def test_a_name_made_of_template_syntax_stays_a_name(provider_server, transport_for, name, first_name):
    provider_server.usual = MERGED[name](2)
    letter = person(1, first_name=first_name)
    list(transport_for(name).send([letter, person(2)]))
    mail = RECEIVED[name](provider_server.requests[0])[letter.recipient]
    assert letter.token not in mail["text"]
    assert mail["html"].count(letter.token) == 1  # the link
    assert mail["text"].split("\n")[0] == unescape(re.search("<p>(.*)</p>", mail["html"])[1])
    # What was filled in must not be filled in again either, should a provider go over it twice.
    assert not re.search(r"%recipient\.[\w.-]+%|\{\{|\[%", mail["text"] + mail["html"])


def test_an_address_made_of_template_syntax_goes_alone(provider_server, transport_for):
    provider_server.usual = MERGED["mailgun"](1)
    hostile = Letter(delivery=9, recipient="%recipient.token%@example.org")
    assert len(list(transport_for("mailgun").send([person(1), hostile, person(2)]))) == 3
    assert sorted(request.form["to"] for request in provider_server.requests) == [
        ["%recipient.token%@example.org"],
        ["person1@example.org", "person2@example.org"],
    ]
    alone = next(request for request in provider_server.requests if len(request.form["to"]) == 1)
    assert "recipient-variables" not in alone.form


@pytest.mark.django_db
@pytest.mark.parametrize("first_name", ["Sam", "{{token}}", "<i>Zoë</i>", "", "x" * 200])
def test_a_draft_of_a_real_message_says_what_the_message_says(anymail, first_name):
    issue = open_mailing(crowd_of(1))
    edition = issue.editions.get()
    edition.text = "Grüße, ihop-greeting-slot\n\n.\nFrom here: http://localhost:8000/e-news/u/ihop-token-slot/ =3D\n"
    message = (
        Workshop(issue)
        .build(edition, Variant(clicks=True, opens=True))
        .message(delivery=7, address="sam@example.org", first_name=first_name, token="q" * 22)
    )
    whole = message.as_email()
    mail = build_mail([address(message, Drafts().of(message))], provider("postmark"))
    assert mail.body == whole.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert mail.alternatives[0].content == whole.get_body(("html",)).get_content().replace("\r\n", "\n")
    assert "q" * 22 in mail.body
    for name in ("List-Unsubscribe", "Message-ID", "List-Id", "Feedback-ID", "List-Unsubscribe-Post"):
        assert mail.extra_headers[name] == str(whole[name])
    assert (mail.subject, mail.to) == (str(whole["Subject"]), ["sam@example.org"])


@pytest.mark.parametrize("name", BATCHED)
def test_a_control_character_in_one_persons_header_stops_that_person_only(provider_server, transport_for, name):
    provider_server.usual = MERGED[name](2)
    injected = Letter(delivery=9, recipient="eve@example.org", token="x>\r\nBcc: all@example.org")
    outcomes = {one.delivery: one for one in transport_for(name).send([person(1), injected, person(2)])}
    assert outcomes[9] == Outcome(9, Result.FAILED, "cannot-build-message: ValueError")
    assert {outcomes[1].result, outcomes[2].result} == {Result.SENT}
    (request,) = provider_server.requests
    assert b"Bcc" not in request.body
    assert b"eve" not in request.body


def test_a_message_that_cannot_be_built_does_not_stop_the_others_of_its_batch(provider_server, transport_for):
    provider_server.usual = MERGED["mailgun"](2)
    letters = [person(1), BrokenLetter(delivery=9, recipient="eve@example.org"), person(2)]
    outcomes = {one.delivery: one.result for one in transport_for("mailgun").send(letters)}
    assert outcomes == {1: Result.SENT, 2: Result.SENT, 9: Result.FAILED}


# --- Who shares a call --------------------------------------------------------------------------------


def test_only_messages_of_one_template_share_a_call():
    news, other = people(2), [person(8, text="Else.\n"), person(9, text="Else.\n")]
    assert list(calls([news[0], other[0], news[1], other[1]], 50)) == [news, other]


def test_nobody_is_in_a_call_twice():
    first, second, third = (Letter(delivery=number) for number in (1, 2, 3))
    pat = person(4)
    assert list(calls([first, pat, second, third], 50)) == [[first, pat], [second], [third]]


@pytest.mark.parametrize(
    "recipient",
    ["sam@bücher.example", "jörg@example.org", "Sam@example.org", '"a b"@example.org', "{{to}}@example.org"],
)
def test_an_unusual_address_goes_alone(recipient):
    unusual = Letter(delivery=9, recipient=recipient)
    assert list(calls([person(1), unusual, person(2)], 50)) == [[person(1), person(2)], [unusual]]


def test_no_more_messages_are_taken_than_go_into_one_call():
    taken = []
    waiting = calls((taken.append(one) or one for one in people(7)), 3)
    assert [one.delivery for one in next(waiting)] == [1, 2, 3] == [one.delivery for one in taken]
    assert [len(call) for call in waiting] == [3, 1]


def test_what_was_taken_is_handed_over_before_an_error_of_the_giver_is_raised():
    def giver():
        yield from people(2)
        raise RuntimeError("no more")

    waiting = calls(giver(), 50)
    assert next(waiting) == people(2)
    with pytest.raises(RuntimeError, match="no more"):
        next(waiting)


def test_a_long_row_of_people_goes_out_in_several_calls(provider_server, transport_for):
    provider_server.usual = MERGED["mailgun"](PEOPLE)
    outcomes = list(transport_for("mailgun").send(people(PEOPLE + 3)))
    assert [one.delivery for one in outcomes] == list(range(1, PEOPLE + 4))
    assert [len(request.form["to"]) for request in provider_server.requests] == [PEOPLE, 3]


def test_a_template_is_taken_apart_once(monkeypatch, provider_server, transport_for):
    provider_server.usual = MERGED["mailgun"](2)
    parsed = []
    of = Draft.of
    monkeypatch.setattr(Draft, "of", lambda template: parsed.append(template) or of(template))
    transport = transport_for("mailgun")
    list(transport.send(people(4)))
    list(transport.send([person(5), person(6), person(7, text="Else.\n")]))
    assert len(parsed) == 2


# --- What an answer proves for each -------------------------------------------------------------------


@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(fault="hang"), "no-reply-in-time"),
        (Reply(fault="reset-before-reading"), "connection-lost"),
        (Reply(fault="reset-after-reading"), "connection-lost"),
        (Reply(fault="close-after-reading"), "connection-lost"),
        (Reply(500), "http-500"),
        (Reply(502), "http-502"),
        (Reply(503, {}, {"Retry-After": "9"}), "http-503"),
        (Reply(408), "http-408"),
        (Reply(200, b"<html>Welcome to our hotel</html>"), "unreadable-reply"),
        (Reply(200, {}), "unreadable-reply"),
    ],
    ids=lambda value: value.fault or f"{value.status}{bytes(value.content)[:2]}" if isinstance(value, Reply) else "",
)
def test_what_proves_nothing_leaves_the_whole_batch_unknown(provider_server, transport_for, name, reply, reason):
    provider_server.script.append(reply)
    provider_server.usual = MERGED[name](2)
    transport = transport_for(name)
    outcomes = list(transport.send(people(3)))
    assert [(one.delivery, one.result, one.message_id) for one in outcomes] == [
        (number, Result.UNKNOWN, "") for number in (1, 2, 3)
    ]
    assert all(one.reason.startswith(reason) for one in outcomes)
    assert len(provider_server.requests) == (0 if reply.fault == "reset-before-reading" else 1)
    assert [one.result for one in transport.send([person(4), person(5)])] == [Result.SENT] * 2


@pytest.mark.parametrize(("name", "status"), [*((name, 429) for name in BATCHED), ("sparkpost", 420)])
def test_asked_to_slow_down_all_of_a_batch_wait(provider_server, transport_for, name, status):
    provider_server.usual = Reply(status, {}, {"Retry-After": "17"})
    assert list(transport_for(name).send(people(3))) == [
        Outcome(number, Result.RETRY, f"http-{status}", retry_after=17.0, throttled=True) for number in (1, 2, 3)
    ]
    assert len(provider_server.requests) == 1


@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_one_bad_address_does_not_fail_the_others(provider_server, transport_for, name, status):
    def answer(request):
        return Reply(status, {"message": "bad"}) if b"person2" in request.body else TAKEN[name]

    provider_server.usual = answer
    outcomes = {one.delivery: one for one in transport_for(name).send(people(4))}
    assert outcomes.pop(2) == Outcome(2, Result.FAILED, f"http-{status}")
    assert {number: one.result for number, one in outcomes.items()} == dict.fromkeys((1, 3, 4), Result.SENT)
    sizes = [len(RECEIVED[name](request)) for request in provider_server.requests]
    assert sizes == [4, 1, 1, 1, 1]


@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_refused_account_stops_after_one_call(provider_server, transport_for, name, status):
    provider_server.usual = Reply(status, {})
    outcomes = transport_for(name).send(people(PEOPLE + 1))
    assert [next(outcomes).result for _ in range(PEOPLE)] == [Result.RETRY] * PEOPLE
    with pytest.raises(TransportUnavailable, match=rf"^{name} refuses our account or sender \(http-{status}\)"):
        next(outcomes)
    assert len(provider_server.requests) == 1


def test_a_refused_connection_gives_nobody_of_the_batch_an_outcome(transport_for, closed_port):
    transport = transport_for("mailgun", MAILGUN_API_URL=f"http://127.0.0.1:{closed_port}/")
    with pytest.raises(TransportUnavailable, match=r"^mailgun cannot be reached "):
        next(transport.send(people(3)))


def test_what_anymail_refuses_to_build_for_all_is_tried_for_each(provider_server, transport_for):
    provider_server.usual = MERGED["mailgun"](1)
    letters = [person(1), Letter(delivery=9, recipient="sam@a..example.org"), person(2)]
    outcomes = {one.delivery: one for one in transport_for("mailgun").send(letters)}
    assert outcomes.pop(9) == Outcome(9, Result.FAILED, "cannot-build-message: AnymailInvalidAddress")
    assert [one.result for one in outcomes.values()] == [Result.SENT] * 2


@pytest.mark.parametrize(
    ("accepted", "rejected", "result"), [(2, 1, Result.UNKNOWN), (0, 3, Result.FAILED), (3, 1, Result.UNKNOWN)]
)
def test_sparkpost_counts_the_refused_and_does_not_name_them(
    provider_server, transport_for, accepted, rejected, result
):
    counts = {"total_accepted_recipients": accepted, "total_rejected_recipients": rejected, "id": "sp-1"}
    provider_server.usual = Reply(200, {"results": counts})
    assert [one.result for one in transport_for("sparkpost").send(people(3))] == [result] * 3
    assert len(provider_server.requests) == 1


def test_all_of_a_batch_may_share_one_message_id(provider_server, transport_for):
    provider_server.usual = MERGED["mailgun"](3)
    assert {one.message_id for one in transport_for("mailgun").send(people(3))} == {"<mg-1@example.org>"}


def test_sendgrid_gives_each_of_a_batch_an_id(provider_server, transport_for):
    provider_server.usual = MERGED["sendgrid"](3)
    assert len({one.message_id for one in transport_for("sendgrid").send(people(3))}) == 3


def test_a_verdict_goes_to_the_person_it_names():
    status = AnymailStatus()
    status.set_recipient_status(
        {
            "sam@example.org": AnymailRecipientStatus("id-1", "queued"),
            "pat@example.org": AnymailRecipientStatus(None, "rejected"),
            "kim@example.org": AnymailRecipientStatus(None, "failed"),
        }
    )
    judged = {name: judge_status(status, only=f"{name}@example.org").result for name in ("sam", "pat", "kim", "lee")}
    assert judged == {"sam": Result.SENT, "pat": Result.FAILED, "kim": Result.FAILED, "lee": Result.UNKNOWN}
