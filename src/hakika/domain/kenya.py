"""Kenya's time: three hours before UTC, all year round."""

from datetime import timedelta, timezone

AHEAD_OF_UTC = timedelta(hours=3)
NAIROBI = timezone(AHEAD_OF_UTC, "EAT")
AHEAD_OF_UTC_MS = AHEAD_OF_UTC // timedelta(milliseconds=1)
