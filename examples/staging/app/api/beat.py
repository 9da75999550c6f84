"""Enqueues a job every few seconds: `python3 -m api.beat`."""

import os
import signal
import time

from api import queue


def leave(_signal: int, _frame: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, leave)
    redis = queue.connect()
    while True:
        queue.put(redis, "measure")
        time.sleep(float(os.environ.get("BEAT_SECONDS", "5")))
