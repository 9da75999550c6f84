"""Takes jobs from redis and notes in the database what came of them: `python3 -m api.worker`."""

import logging
import signal

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from api import queue
from api.database import engine
from api.models import Job

log = logging.getLogger("worker")
leaving = False


def leave(_signal: int, _frame: object) -> None:
    """The job at hand is finished first."""
    global leaving
    leaving = True


def work(kind: str) -> None:
    with Session(engine) as session:
        area = session.scalar(select(func.sum(text("square_kilometres"))).select_from(text("zone_area")))
        session.add(Job(kind=kind, result=f"{area:.1f} square kilometres", attempts=1, finished_at=func.now()))
        session.commit()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, leave)
    redis = queue.connect()
    while not leaving:
        kind = queue.take(redis, 1)
        if kind is None:
            continue
        try:
            work(kind)
            log.info("%s: done", kind)
        except DBAPIError as error:
            log.error("%s: failed: %s", kind, error.orig)
