"""The cache of rendered responses: its size limit, use by many threads, and its keys."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from starlette.requests import HTTPConnection

from brainio.service.access import Access
from brainio.service.responses import ResponseCache, render


def scope_of(number: int, **further: Any) -> dict[str, Any]:
    scope = {"type": "http", "raw_path": f"/{number}".encode(), "query_string": b"", "headers": [], "scheme": "http"}
    return scope | {"route": None} | further


def test_threads_share_the_cache_and_never_exceed_its_size() -> None:
    access = Access()
    answers = [render(b"%d" % number) for number in range(40)]
    cache = ResponseCache(answers[0].size * 5)

    def get_and_store(first: int) -> None:
        for number in range(first, first + 20_000):
            scope = scope_of(number % 40)
            cached = cache.get(access, scope)
            if cached is None:
                cache.store(access, HTTPConnection(scope), answers[number % 40])
            else:
                assert cached.rendered is answers[number % 40]

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(get_and_store, range(4)))
    is_cached = [cache.get(access, scope_of(number)) is not None for number in range(40)]
    assert 0 < sum(is_cached) <= 5


def test_an_answer_is_cached_for_one_scheme_and_one_host() -> None:
    access, answer = Access(), render(b"{}")
    cache = ResponseCache(10**6)
    scope = partial(scope_of, 0, headers=[(b"host", b"lab.example")])
    cache.store(access, HTTPConnection(scope()), answer)
    assert cache.get(access, scope()) is not None
    assert cache.get(access, scope(scheme="https")) is None
    assert cache.get(access, scope(headers=[(b"host", b"elsewhere.example")])) is None
