"""The queue between the beat and the worker: a list in redis."""

import json
import logging
import time

from redis import Redis
from redis.exceptions import ConnectionError, TimeoutError

from api.settings import REDIS_URL

KEY = "jobs"
log = logging.getLogger("queue")


def connect() -> Redis:
    return Redis.from_url(REDIS_URL, decode_responses=True)


def put(redis: Redis, kind: str) -> None:
    """Enqueues a job. Redis may be away for a moment: the job is dropped then, the next one will come."""
    try:
        redis.rpush(KEY, json.dumps({"kind": kind}))
    except (ConnectionError, TimeoutError) as error:
        log.warning("redis is away: %s", error)


def take(redis: Redis, seconds: int) -> str | None:
    """The kind of the next job, or nothing when none came in `seconds`, or redis was away."""
    try:
        answer = redis.blpop([KEY], timeout=seconds)
    except (ConnectionError, TimeoutError) as error:
        log.warning("redis is away: %s", error)
        time.sleep(seconds)
        return None
    return json.loads(answer[1])["kind"] if answer else None
