"""Promises for answers that are given again: they stay within their bytes, whichever threads ask."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from starlette.requests import HTTPConnection

from brainio.service.access import Access
from brainio.service.responses import ResponseCache, render


def scope_of(number: int, **further: Any) -> dict[str, Any]:
    asked = {"type": "http", "raw_path": f"/{number}".encode(), "query_string": b"", "headers": [], "scheme": "http"}
    return asked | {"route": None} | further


def test_threads_that_keep_and_ask_at_once_break_nothing_and_stay_within_the_bytes() -> None:
    sight = Access()
    answers = [render(b"%d" % number) for number in range(40)]
    cache = ResponseCache(answers[0].size * 5)

    def ask(begin: int) -> int:
        found = 0
        for number in range(begin, begin + 20_000):
            scope = scope_of(number % 40)
            kept = cache.get(sight, scope)
            if kept is None:
                cache.store(sight, HTTPConnection(scope), answers[number % 40])
            else:
                assert kept.rendered is answers[number % 40]
                found += 1
        return found

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ask, range(4)))
    is_kept = [cache.get(sight, scope_of(number)) is not None for number in range(40)]
    assert 0 < sum(is_kept) <= 5


def test_an_answer_is_kept_for_one_scheme_and_one_host() -> None:
    sight, answer = Access(), render(b"{}")
    cache = ResponseCache(10**6)
    asked = partial(scope_of, 0, headers=[(b"host", b"lab.example")])
    cache.store(sight, HTTPConnection(asked()), answer)
    assert cache.get(sight, asked()) is not None
    assert cache.get(sight, asked(scheme="https")) is None
    assert cache.get(sight, asked(headers=[(b"host", b"elsewhere.example")])) is None
