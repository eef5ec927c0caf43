"""A mail provider's API that accepts everything and counts it per recipient.

Shaped like Mailgun (POST /v3/<domain>/messages, one or many recipients a call) and like Resend (POST /emails with
Idempotency-Key, /emails/batch). `python -m benchmarks.simulators.http --help`. Of its own:

    GET  /simulator/counts            {"accepted": {recipient: count}, "refused": {…}, "struck": {fault: messages}, …}
    GET  /simulator/wait?accepted=N   answers as soon as so many messages have been accepted
    POST /simulator/events            {"to": "http://…/webhooks/mailgun/tracking/", "times": 50, "reversed": true}:
                                      posts signed events about every message (or the latest `most`), and answers
                                      when it is done

Misbehaviours, each striking a whole call; where nothing is accepted, a later event says “rejected”:

    4xx                400 because of one recipient; the same recipients each time
    429                429 with Retry-After
    502                502 of a gateway, nothing accepted
    5xx, 5xx-after     503 and nothing accepted; 500 although it was
    hang, hang-after   no answer for some seconds, then the connection is closed
    reset-before       RST, nothing accepted (the request is read all the same, so that an event can tell of it)
    reset-after        accepted, then RST
    drop-reply         accepted, then the connection is closed without an answer
    rubbish            accepted, but the 200 holds something else
    partial            taken in part: a batch at Resend says so at once, Mailgun by an event (“failed”) afterwards
    slow               the answer comes late; `slow=1:0.1` is a latency of 100 ms
"""

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from benchmarks.simulators import events, wire
from benchmarks.simulators.misbehaviour import Misbehaviour
from benchmarks.simulators.serving import Books, arguments, run
from benchmarks.simulators.shapes import Mailgun, Parcel, Resend, Shape, Unreadable
from benchmarks.simulators.wire import Cut, Reply, Request

RETRY_AFTER = 1  # seconds
KNOWN = {
    "slow": 0.05,
    "4xx": 0.0,
    "429": 0.0,
    "502": 0.0,
    "5xx": 0.0,
    "5xx-after": 0.0,
    "hang": 60.0,
    "hang-after": 60.0,
    "reset-before": 0.0,
    "reset-after": 0.0,
    "drop-reply": 0.0,
    "rubbish": 0.0,
    "partial": 0.0,
}
RUBBISH = b"<!doctype html><title>It works!</title>"


@dataclass
class Provider:
    """The simulated provider: its books, and what it remembers of every message."""

    books: Books
    misbehaviour: Misbehaviour
    signing_key: str = ""
    seed: int = 0
    calls: int = 0
    repeats: int = 0  # calls under a known idempotency key: answered as before, and nothing was sent again
    traces: dict[str, events.Trace] = field(default_factory=dict)
    _known: dict[str, tuple[str, Reply]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    async def answer(self, request: Request) -> Reply:
        """Answer one request. Raises Cut."""
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["v3", _, "messages"]:
                return await self._call(Mailgun(), request)
            case "POST", ["emails"] | ["emails", "batch"]:
                return await self._keyed(Resend(), request)
            case "GET", ["simulator", "counts"]:
                return Reply(body=self.counts())
            case "GET", ["simulator", "wait"]:
                return Reply(body={"accepted": await self.books.reached(int(request.query["accepted"]))})
            case "POST", ["simulator", "events"]:
                return Reply(body=await self._events(**request.json()))
        return Reply(404, {"message": "Not found."})

    def counts(self) -> dict[str, Any]:
        """Accepted per recipient; refused: what was accepted at first and bounced, or was never taken at all."""
        refused = Counter(trace.parcel.recipient for trace in self.traces.values() if trace.fate != "accepted")
        known = {"calls": self.calls, "repeats": self.repeats, "struck": self.misbehaviour.struck}
        return {"accepted": self.books.accepted, "refused": refused, **known}

    async def _keyed(self, shape: Shape, request: Request) -> Reply:
        """Answer a call under a known idempotency key as before, and send nothing again."""
        key, payload = request.headers.get("idempotency-key", ""), hashlib.sha256(request.body).hexdigest()
        known, reply = self._known.get(key, ("", None))
        if not reply:
            return await self._call(shape, request)
        self.repeats += 1
        if known != payload:
            return shape.refused(409, "Same idempotency key used with a different request payload.")
        return reply

    async def _call(self, shape: Shape, request: Request) -> Reply:
        self.calls += 1
        fault, delay, number = self.misbehaviour.draw(), self.misbehaviour.delay(), self.calls
        try:
            parcels = shape.read(request)
        except Unreadable as error:
            return shape.refused(400, str(error))
        if fault:
            self.misbehaviour.struck[fault] += len(parcels)
        if delay:
            await asyncio.sleep(delay)
        if any(self.misbehaviour.always("4xx", parcel.recipient) for parcel in parcels):
            return self._refuse(shape, parcels, Reply(400, shape.refused(400, "not a valid address").body))
        match fault:
            case "429":
                why = shape.refused(429, "Too many requests.")
                return Reply(429, why.body, {"Retry-After": str(RETRY_AFTER)})
            case "502" | "5xx":
                status = 502 if fault == "502" else 503
                return self._refuse(shape, parcels, shape.refused(status, "Not now."))
            case "hang" | "reset-before":
                self._refuse(shape, parcels, Reply())
                await asyncio.sleep(self.misbehaviour.seconds[fault])
                raise Cut(reset=fault == "reset-before")
        reply = self._accept(shape, request, parcels, number, partial=fault == "partial")
        match fault:
            case "5xx-after":
                return shape.refused(500, "Something went wrong.")
            case "rubbish":
                return Reply(body=RUBBISH)
            case "hang-after" | "reset-after" | "drop-reply":
                await asyncio.sleep(self.misbehaviour.seconds[fault])
                raise Cut(reset=fault == "reset-after")
        return reply

    def _refuse(self, shape: Shape, parcels: list[Parcel], reply: Reply) -> Reply:
        """Note that none of these was taken; what has been accepted at another time stays so."""
        for parcel in parcels:
            self.traces.setdefault(parcel.key, events.Trace(parcel, "", "refused"))
        return reply

    def _accept(self, shape: Shape, request: Request, parcels: list[Parcel], number: int, *, partial: bool) -> Reply:
        taken = [not partial or self._random.random() < 0.5 for _ in parcels]
        strict = isinstance(shape, Resend) and request.headers.get("x-batch-validation") != "permissive"
        if strict and not all(taken):
            return self._refuse(shape, parcels, shape.refused(422, "Invalid `to` field."))
        for place, (parcel, ours) in enumerate(zip(parcels, taken, strict=True)):
            fate: events.Fate = "accepted" if ours else "refused" if isinstance(shape, Resend) else "bounced"
            known = self.traces.get(parcel.key)
            if not known or known.fate == "refused":
                self.traces[parcel.key] = events.Trace(parcel, shape.message_id(number, place), fate)
            if ours:
                self.books.accept(parcel.recipient)
        reply = shape.accepted(request, number, taken)
        if key := request.headers.get("idempotency-key", ""):
            self._known[key] = (hashlib.sha256(request.body).hexdigest(), reply)
        return reply

    async def _events(
        self, *, to: str, times: int = 1, reversed: bool = False, most: int | None = None
    ) -> dict[str, Any]:
        traces = list(self.traces.values())
        latest = traces if most is None else traces[max(0, len(traces) - most) :]
        stories = events.tell(latest, key=self.signing_key)
        if reversed:
            stories = [story[::-1] for story in stories[::-1]]
        return {"answered": await events.deliver(stories, to=to, times=times)}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--signing-key", default="", help="of the webhooks (ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY)")
    options = parser.parse_args()
    misbehaviour = Misbehaviour(options.misbehave, known=KNOWN, seed=options.seed)
    provider = Provider(Books(), misbehaviour, options.signing_key, options.seed)
    run(options, provider.books, lambda port: wire.listen(port, provider.answer))


if __name__ == "__main__":
    main()
