"""The queue between the beat and the worker: a list in redis."""

import json

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError, TimeoutError
from redis.retry import Retry

from api.settings import REDIS_URL

KEY = "jobs"


def connect() -> Redis:
    """A client that tries for half a minute: redis may start at the same moment."""
    return Redis.from_url(
        REDIS_URL,
        decode_responses=True,
        retry=Retry(ConstantBackoff(1), 30),
        retry_on_error=[ConnectionError, TimeoutError],
    )


def put(redis: Redis, kind: str) -> None:
    redis.rpush(KEY, json.dumps({"kind": kind}))


def take(redis: Redis, seconds: int) -> str | None:
    """The kind of the next job, or nothing when none came in `seconds`."""
    answer = redis.blpop([KEY], timeout=seconds)
    return json.loads(answer[1])["kind"] if answer else None
