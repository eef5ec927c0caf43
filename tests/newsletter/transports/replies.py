"""What each provider answers when it takes a message to sam@example.org, and what it makes of a batch."""

import json
import re
from html import escape

from tests.newsletter.transports import Letter
from tests.servers.http import Reply

TAKEN = {
    "brevo": Reply(201, {"messageId": "<b-1@brevo>"}),
    "mailersend": Reply(202, b"", {"Content-Type": "text/html", "X-Message-Id": "ms-1"}),
    "mailgun": Reply(200, {"id": "<mg-1@example.org>", "message": "Queued. Thank you."}),
    "mailjet": Reply(
        200,
        {"Messages": [{"Status": "success", "To": [{"Email": "sam@example.org", "MessageID": 1, "MessageUUID": "u"}]}]},
    ),
    "mailtrap": Reply(200, {"success": True, "message_ids": ["mt-1"]}),
    "mandrill": Reply(200, [{"email": "sam@example.org", "status": "sent", "_id": "md-1"}]),
    "postal": Reply(200, {"status": "success", "data": {"messages": {"sam@example.org": {"id": 1, "token": "t"}}}}),
    "postmark": Reply(200, {"ErrorCode": 0, "Message": "OK", "MessageID": "pm-1", "To": "sam@example.org"}),
    "resend": Reply(200, {"id": "re-1"}),
    "scaleway": Reply(200, {"emails": [{"mail_rcpt": "sam@example.org", "id": "sc-1", "status": "new"}]}),
    "sendgrid": Reply(202, b""),
    "sparkpost": Reply(
        200, {"results": {"total_accepted_recipients": 1, "total_rejected_recipients": 0, "id": "sp-1"}}
    ),
    "unisender_go": Reply(200, {"status": "success", "job_id": "u-1", "emails": ["sam@example.org"]}),
}
# And what those that fill in values answer when they take a batch for so many people.
MERGED = {
    "mailgun": lambda number: TAKEN["mailgun"],
    "sendgrid": lambda number: TAKEN["sendgrid"],
    "sparkpost": lambda number: Reply(
        200, {"results": {"total_accepted_recipients": number, "total_rejected_recipients": 0, "id": "sp-1"}}
    ),
}
KEYS = ("API_KEY", "API_TOKEN", "SERVER_TOKEN", "SECRET_KEY", "PROJECT_ID")
FOUR = ("mailgun", "postmark", "brevo", "resend")


def outcome_of(transport, letter=None):
    (outcome,) = transport.send([letter or Letter()])
    return outcome


# From a request to {address: what that person receives}, values filled in as the provider does it.


def received_by_mailgun(request):
    form = {name: values[0] for name, values in request.form.items()}
    variables = json.loads(form.get("recipient-variables", "{}"))
    headers = {name: value for name, value in form.items() if name.startswith(("h:", "v:"))}

    def filled(text, one):
        return re.sub(r"%recipient\.([^%\s]+)%", lambda found: variables[one][found[1]], text) if variables else text

    return {
        one: {name: filled(form[name], one) for name in ("from", "subject", "text", "html", *headers)}
        for one in request.form["to"]
    }


def received_by_sparkpost(request):
    sent = request.json
    content = sent["content"]

    def filled(text, values, escaping):
        return re.sub(
            r"\{\{\{(\w+)\}\}\}|\{\{(\w+)\}\}",
            lambda found: values[found[1]] if found[1] else escaping(values[found[2]]),
            text,
        )

    received = {}
    for one in sent["recipients"]:
        assert one["address"]["header_to"] == one["address"]["email"]
        values = sent.get("substitution_data", {}) | one.get("substitution_data", {})
        received[one["address"]["email"]] = {
            "from": content["from"],
            "subject": filled(content["subject"], values, str),
            "text": filled(content["text"], values, str),
            "html": filled(content["html"], values, escape),
            "headers": {name: filled(value, values, str) for name, value in content["headers"].items()},
            "metadata": one.get("metadata") or sent["metadata"],
            "options": sent["options"],
        }
    return received


def received_by_sendgrid(request):
    sent = request.json
    bodies = {part["type"]: part["value"] for part in sent["content"]}

    def filled(text, one):
        for tag, value in one.get("substitutions", {}).items():
            text = text.replace(tag, value)
        return text

    received = {}
    for one in sent["personalizations"]:
        (to,) = one["to"]
        metadata = sent.get("custom_args", {}) | one["custom_args"]
        assert metadata.pop("anymail_id")
        received[to["email"]] = {
            "from": sent["from"],
            "subject": filled(sent["subject"], one),
            "text": filled(bodies["text/plain"], one),
            "html": filled(bodies["text/html"], one),
            "headers": sent["headers"] | one.get("headers", {}),
            "metadata": metadata,
            "tracking": sent["tracking_settings"],
        }
    return received


RECEIVED = {"mailgun": received_by_mailgun, "sparkpost": received_by_sparkpost, "sendgrid": received_by_sendgrid}
