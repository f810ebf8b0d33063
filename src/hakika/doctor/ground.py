"""What the checks stand on: everything is handed in, so that a test can break exactly one thing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hakika.config import Settings
from hakika.doctor.disk import Disk
from hakika.doctor.sharing import Shared, look_up_aside
from hakika.domain.errors import SettingError
from hakika.engine.accounts import Accounts
from hakika.engine.vault import Vault
from hakika.engine.webhooks.outbound import Resolve
from hakika.store.opening import Store


@dataclass(frozen=True)
class Ground:
    """What there is to look at. Without a running server `live` is empty, and checks that need it are skipped."""

    settings: Settings
    environ: Mapping[str, str]
    clock: Callable[[], int]  # UTC milliseconds
    store: Store | None  # None where it cannot be opened: `store_trouble` says why
    accounts: Accounts | None
    callback_origin: str  # the origin that the next push would carry; `config.NOWHERE` where there is none
    store_trouble: str = ""
    settings_trouble: SettingError | None = None  # they cannot even be read: `settings` is then a blank
    disk: Disk = field(default_factory=Disk)
    certificates: Path | None = None  # a CA bundle besides the system's, for tests
    look_up: Resolve = look_up_aside  # DNS: host, port → addresses
    resolve: Mapping[str, str] = field(default_factory=dict)  # host → address:port instead of DNS, for tests
    vault: Vault | None = None  # None where the secret key cannot be had: no token can be marked as ours
    shared: Shared = field(default_factory=Shared)  # what several checks of one examination ask once
    silent: str = ""  # without a running server: that there should be one, which does not answer
    live: Mapping[str, Any] = field(default_factory=dict)  # the running server's parts, by name
