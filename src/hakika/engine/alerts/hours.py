"""Hours of the day where the payers are: Africa/Nairobi, three hours before UTC all year round."""

from datetime import datetime

from hakika.domain.kenya import NAIROBI
from hakika.engine.alerts.rule import Threshold

OPENING = {
    "from_hour": Threshold(8, 0, 24, "Only from this hour on, in Nairobi."),
    "to_hour": Threshold(20, 0, 24, "Until this hour; one before `from_hour` is of the next day."),
}


def is_open(now_ms: int, from_hour: int, to_hour: int) -> bool:
    """Whether it is business hours; `22, 6` are those of a night, and equal hours are all day."""
    moment = datetime.fromtimestamp(now_ms / 1000, NAIROBI)
    hour = moment.hour + moment.minute / 60
    if from_hour == to_hour:
        return True
    if from_hour < to_hour:
        return from_hour <= hour < to_hour
    return hour >= from_hour or hour < to_hour


def spell(at_ms: int) -> str:
    """A moment for people: `21 Nov 12:12 EAT`."""
    return f"{datetime.fromtimestamp(at_ms / 1000, NAIROBI):%d %b %H:%M} EAT"
