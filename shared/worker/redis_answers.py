"""The letter boxes of answers in Redis, for processes on several hosts."""

import time
from typing import cast

import redis
from celery import Celery
from celery.backends.redis import RedisBackend

from shared.process_settings import ProcessSettings
from shared.worker.answers import AnswersAway

# An answer to somebody who has given up.
_KEPT_SECONDS = 60
# Well below ``redis_socket_timeout``.
_STEP_SECONDS = 3.0
_PREFIX = "rollcall-answer-"


class InRedis:
    """For processes on several hosts: a list for each question, which Redis forgets by itself."""

    def __init__(self, app: Celery, settings: ProcessSettings) -> None:
        # Celery's reading of the address: options of TLS, time-outs.
        self._client = cast("redis.Redis", RedisBackend(app=app, url=settings.result_backend_url).client)

    def expect(self, question: str) -> None:
        """Do nothing: Redis creates a list with its first entry."""

    def put(self, question: str, letter: str) -> None:
        """Bring an answer."""
        try:
            with self._client.pipeline() as pipe:
                pipe.rpush(_PREFIX + question, letter)
                pipe.expire(_PREFIX + question, _KEPT_SECONDS)
                pipe.execute()
        except redis.RedisError as error:
            raise AnswersAway from error

    def take(self, question: str, seconds: float) -> str | bytes | None:
        """The next letter, or ``None``."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                found = self._client.blpop([_PREFIX + question], timeout=min(max(left, 0.01), _STEP_SECONDS))
            except redis.ResponseError:
                # Somebody put something else under this name.
                self.discard(question)
                continue
            except redis.RedisError as error:
                raise AnswersAway from error
            if found:
                return cast("tuple[bytes, bytes]", found)[1]
        return None

    def discard(self, question: str) -> None:
        """Empty the box."""
        try:
            self._client.delete(_PREFIX + question)
        except redis.RedisError as error:
            raise AnswersAway from error
