"""Leaving without a lost request: on SIGTERM keep answering for a while, but report unhealthy."""

import signal
from types import FrameType

from api.settings import DRAIN_SECONDS

_started = False


def started() -> bool:
    return _started


def install() -> None:
    """SIGTERM starts the drain; DRAIN_SECONDS later the process ends as if it had been asked to exit."""
    signal.signal(signal.SIGTERM, _begin)
    signal.signal(signal.SIGALRM, _end)


def _begin(_signal: int, _frame: FrameType | None) -> None:
    global _started
    if not _started:
        _started = True
        signal.setitimer(signal.ITIMER_REAL, max(DRAIN_SECONDS, 0.001))


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
