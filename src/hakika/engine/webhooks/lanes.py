"""What is under way to one endpoint in this process."""

from collections import deque

from hakika.domain.lane import FAILING_AFTER
from hakika.store.webhooks.deliveries import Owed
from hakika.store.webhooks.endpoints import EndpointRow

AT_ONCE = 32
AT_ONCE_FIRST = 2  # until it has shown that it answers: one that hangs holds no more connections
TAKEN_AHEAD = 4  # times as many as are sent at once; their time-outs together are shorter than the lease


class Traffic:
    """One lane: what is queued and how much may be under way. It widens with success and narrows with failure."""

    __slots__ = ("allowed", "endpoint", "more", "queue", "sending", "streak")

    def __init__(self, endpoint: EndpointRow) -> None:
        self.endpoint = endpoint
        self.queue: deque[Owed] = deque()
        self.sending = 0
        self.allowed = AT_ONCE_FIRST
        self.streak = 0  # failures in a row
        self.more = False  # whether more may be due than was taken

    def room(self) -> int:
        """How many more to take from the store: in lots, so that a transaction is worth its while."""
        under_way = len(self.queue) + self.sending
        if self.endpoint.lane.failing:
            return 0 if under_way else 1
        room = TAKEN_AHEAD * self.allowed - under_way
        return room if room >= self.allowed else 0

    def free(self) -> bool:
        """Whether one more may be sent now."""
        return self.sending < (1 if self.endpoint.lane.failing else self.allowed)

    def judge(self, taken: bool, *, pauses: bool) -> bool:
        """Learn from an attempt. → whether what is queued is to be given back."""
        if taken:
            self.streak = 0
            self.allowed = min(AT_ONCE, self.allowed * 2)
            return False
        self.streak += 1
        self.allowed = max(1, self.allowed // 2)
        return pauses or self.streak >= FAILING_AFTER
