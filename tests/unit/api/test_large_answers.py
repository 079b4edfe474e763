"""Large pages are made one after the other, whoever asks for them, and other requests go on meanwhile."""

import asyncio
import threading
from functools import partial
from types import SimpleNamespace
from typing import cast

from fastapi import Request
from pydantic import BaseModel

from services.api.web.large_answers import large_answer, one_at_a_time


class _Page(BaseModel):
    number: int


def test_large_answers_are_made_one_at_a_time_and_beside_the_event_loop() -> None:
    asyncio.run(_five_at_once())


async def _five_at_once() -> None:
    state = SimpleNamespace(large_answers=one_at_a_time())
    request = cast(Request, SimpleNamespace(app=SimpleNamespace(state=state)))
    started, go_on = threading.Event(), threading.Event()
    making: list[int] = []
    together: list[int] = []

    def _make(number: int) -> _Page:
        making.append(number)
        together.append(len(making))
        started.set()
        assert go_on.wait(60)
        making.remove(number)
        return _Page(number=number)

    pages = [asyncio.create_task(large_answer(request, partial(_make, number))) for number in range(5)]
    # The loop is free while the first is made.
    while not started.is_set():
        await asyncio.sleep(0)
    go_on.set()
    assert [(await page).body for page in pages] == [b'{"number":%d}' % number for number in range(5)]
    assert together == [1] * 5
