"""What became of attempts, recorded: many in one transaction, each delivery and each endpoint's lane."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import structlog

from hakika.domain.events import EventType
from hakika.domain.lane import PROBES, Lane, fail, must_tell, succeed
from hakika.domain.schedule import RETRY_AFTER_MOST_MS, retry_delivery_at
from hakika.engine.ids import Entropy, make_id
from hakika.engine.webhooks.endpoints import show_endpoint
from hakika.engine.webhooks.outbound import Reply
from hakika.store.events import EventRow, EventStatements, publish
from hakika.store.transaction import Transaction
from hakika.store.webhooks.deliveries import (
    DELIVERED,
    EXHAUSTED,
    WAITING,
    AttemptRow,
    DeliveryRow,
    DeliveryStatements,
    Owed,
    exhaust_older,
    forget_delivery,
    hasten_tried,
    write_outcomes,
)
from hakika.store.webhooks.endpoints import EndpointRow, change_endpoint, lock_endpoints, set_lane

log = structlog.get_logger("hakika.deliver")

GONE = 410
ASKS_TO_WAIT = frozenset({429, 503})


class Sent(NamedTuple):
    """One attempt. `probe`: of a failing lane; `ping`: asked for by a person, and never tried again."""

    owed: Owed
    endpoint: EndpointRow
    reply: Reply
    at_ms: int
    probe: bool = False
    ping: bool = False

    @property
    def not_before_ms(self) -> int:
        """When the receiver wants to be asked again, within our own longest delay."""
        if self.reply.status_code not in ASKS_TO_WAIT:
            return 0
        return self.at_ms + min(RETRY_AFTER_MOST_MS, round(self.reply.retry_after_s * 1000))


class Surroundings(NamedTuple):
    """What recording needs to know besides the database."""

    deliveries: DeliveryStatements
    events: EventStatements
    now_ms: int
    entropy: Entropy

    def chance(self) -> float:
        """A number from 0 up to 1."""
        return int.from_bytes(self.entropy(4)) / 2**32


def record(tx: Transaction, around: Surroundings, sent: Sequence[Sent], unsent: Sequence[Owed]) -> list[EventRow]:
    """Record attempts, and give back what was taken and not sent. → what is published about endpoints."""
    outcomes = [_conclude(one, around) for one in sent]
    outcomes += [
        DeliveryRow(one.event.number, one.endpoint, WAITING, one.attempts, one.was_due_at_ms) for one in unsent
    ]
    write_outcomes(tx, around.deliveries, outcomes, [as_attempt(one) for one in sent])
    touched = {one.endpoint.id for one in sent if not one.reply.taken or one.endpoint.failures}
    told = []
    for endpoint in lock_endpoints(tx, sorted(touched)).values():
        told += _judge(tx, around, endpoint, [one for one in sent if one.endpoint.id == endpoint.id])
    published = publish(tx, around.events, told)
    for event in published:
        forget_delivery(tx, event.number, str(msgspec.json.decode(event.snapshot)["id"]))  # to itself
    return published


def _conclude(sent: Sent, around: Surroundings) -> DeliveryRow:
    number, attempts = sent.owed.event.number, sent.owed.attempts + 1
    if sent.reply.taken:
        return DeliveryRow(number, sent.endpoint.id, DELIVERED, attempts, None)
    if sent.reply.status_code == GONE and not sent.ping:
        return DeliveryRow(number, sent.endpoint.id, WAITING, attempts, around.now_ms)  # until it is turned on again
    due_at_ms = None if sent.ping else retry_delivery_at(attempts, around.now_ms, around.chance())
    if due_at_ms is None:
        return DeliveryRow(number, sent.endpoint.id, EXHAUSTED, attempts, None)
    return DeliveryRow(number, sent.endpoint.id, WAITING, attempts, max(due_at_ms, sent.not_before_ms))


def as_attempt(sent: Sent) -> AttemptRow:
    """The attempt as it is logged."""
    reply = sent.reply
    return AttemptRow(
        sent.owed.event.number,
        sent.endpoint.id,
        sent.at_ms,
        reply.took_ms,
        reply.status_code,
        reply.error,
        reply.answer,
    )


def _judge(tx: Transaction, around: Surroundings, endpoint: EndpointRow, sent: Sequence[Sent]) -> list[EventRow]:
    """Bring one endpoint's lane up to date. → what is to be published of it."""
    before = lane = endpoint.lane
    for one in sent:
        lane = _step(lane, one, around)
    gone = any(one.reply.status_code == GONE and not one.ping for one in sent)
    told = []
    if gone:
        lane = Lane()
        reason = "It answered 410 Gone."
        endpoint = endpoint._replace(active=False, off_reason=reason)
        change_endpoint(tx, endpoint.id, {"active": False, "off_reason": reason})
        log.warning("endpoint_off", endpoint=endpoint.id, url=endpoint.url, reason=reason)
        told.append(_announce(endpoint, EventType.ENDPOINT_FAILING, around))
    elif before.failing and not lane.failing:
        hasten_tried(tx, endpoint.id)
        if before.told_at_ms:
            log.info("endpoint_recovered", endpoint=endpoint.id, url=endpoint.url)
            told.append(_announce(with_lane(endpoint, lane), EventType.ENDPOINT_RECOVERED, around))
    elif must_tell(lane):
        lane = lane._replace(told_at_ms=around.now_ms)
        last = sent[-1].reply
        log.warning("endpoint_failing", endpoint=endpoint.id, url=endpoint.url, status=last.status_code, why=last.error)
        told.append(_announce(with_lane(endpoint, lane), EventType.ENDPOINT_FAILING, around))
    if lane.spent and lane != before:
        exhausted = exhaust_older(tx, endpoint.id, PROBES)
        if exhausted:
            log.error("deliveries_exhausted", endpoint=endpoint.id, deliveries=exhausted)
    if lane != before:
        set_lane(tx, endpoint.id, lane)
    return told


def _step(lane: Lane, sent: Sent, around: Surroundings) -> Lane:
    if sent.reply.taken:
        return succeed(lane)
    if sent.ping:
        return lane
    return fail(lane, around.now_ms, around.chance(), probe=sent.probe, not_before_ms=sent.not_before_ms)


def with_lane(endpoint: EndpointRow, lane: Lane) -> EndpointRow:
    """The endpoint, having fared so."""
    return endpoint._replace(**lane._asdict())


def _announce(endpoint: EndpointRow, event_type: str, around: Surroundings) -> EventRow:
    snapshot = msgspec.json.encode(show_endpoint(endpoint, around.now_ms)).decode()
    event_id = make_id("evt", around.now_ms, around.entropy)
    return EventRow(0, event_id, "", event_type, 0, around.now_ms, snapshot, endpoint.mode)
