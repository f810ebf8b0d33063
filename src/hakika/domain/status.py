"""The eight states of a payment, in a module of their own: the command line names them, and begins at once."""

from enum import StrEnum


class Status(StrEnum):
    """Where a payment stands."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    MISPAID = "mispaid"
    UNRESOLVED = "unresolved"
    REVERSED = "reversed"
