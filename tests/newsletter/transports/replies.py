"""What each provider answers when it takes a message to sam@example.org."""

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
KEYS = ("API_KEY", "API_TOKEN", "SERVER_TOKEN", "SECRET_KEY", "PROJECT_ID")
FOUR = ("mailgun", "postmark", "brevo", "resend")


def outcome_of(transport, letter=None):
    (outcome,) = transport.send([letter or Letter()])
    return outcome
