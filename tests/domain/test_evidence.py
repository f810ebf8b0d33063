"""Readings are kept as JSON and come back as they were; somebody said each of them."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given

from hakika.domain.evidence import (
    AnyReading,
    CallbackReceived,
    CallbackUnreadable,
    OperatorResolved,
    Reading,
    Source,
    source_of,
)
from hakika.domain.payment import lift
from tests.domain.readings import ALPHABET
from tests.domain.strategies import readings

KINDS: tuple[type[Reading], ...] = get_args(AnyReading)


@given(readings)
def test_readings_survive_being_stored(reading: AnyReading) -> None:
    """Written as JSON and read as AnyReading, a reading is equal, of the same class, and says the same."""
    again: AnyReading = msgspec.json.decode(msgspec.json.encode(reading), type=AnyReading)
    assert again == reading
    assert type(again) is type(reading)
    assert lift(again) == lift(reading)


@given(readings)
def test_lifting_is_pure(reading: AnyReading) -> None:
    """The same reading says the same every time."""
    assert lift(reading) == lift(reading)


def test_every_class_is_in_the_union_under_its_own_kind() -> None:
    """No reading is left out of AnyReading, and no two share a `kind`."""
    assert set(KINDS) == set(Reading.__subclasses__())
    kinds = [kind.__struct_config__.tag for kind in KINDS]
    assert len(set(kinds)) == len(kinds)
    assert all(kind.__struct_config__.tag_field == "kind" for kind in KINDS)


def test_kind_comes_first_in_the_json() -> None:
    """Stored evidence says at its first word what it is."""
    for reading in ALPHABET.values():
        assert msgspec.json.encode(reading).startswith(b'{"kind":"')


def test_readings_cannot_be_changed() -> None:
    """What was said stays said."""
    for reading in ALPHABET.values():
        with pytest.raises(AttributeError):
            reading.at_ms = 0  # type: ignore[misc]


def test_an_outcome_that_is_none_is_refused() -> None:
    """An operator's word from a stored row must be one of the three outcomes."""
    row = msgspec.json.encode(OperatorResolved(1, "failed", "because", "asha")).replace(b"failed", b"perhaps")
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(row, type=AnyReading)


@given(readings)
def test_somebody_said_it(reading: AnyReading) -> None:
    """Every reading has a source."""
    assert source_of(reading) in Source


def test_sources() -> None:
    """Each kind's source, and that a callback without the payment's secret is a mere claim."""
    said = {name: source_of(reading).value for name, reading in ALPHABET.items()}
    assert {said[name] for name in ("accepted", "busy", "refused")} == {"push"}
    assert {said[name] for name in ("paid", "cancelled early", "unreadable")} == {"callback"}
    assert {said[name] for name in ("claims paid", "claims cancelled")} == {"claim"}
    assert {said[name] for name in ("query paid", "query 4999", "query unanswered")} == {"query"}
    assert {said[name] for name in ("operator: paid", "withdrawn", "registered")} == {"operator"}
    assert {said[name] for name in ("started", "lost", "stopped", "gave up", "rival paid")} == {"hakika"}
    assert said["paybill"] == "paybill"
    assert source_of(CallbackUnreadable(1, "no JSON")) is Source.CLAIM
    assert source_of(CallbackReceived(1, "0")) is Source.CLAIM
