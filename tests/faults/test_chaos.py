"""A few rounds of chaos; `make chaos` plays as many as one likes."""

import random

import chaos
import pytest

ROUNDS = 4


@pytest.mark.local_runner
def test_whatever_is_killed_whenever_each_promise_is_kept(capsys):
    first = random.randrange(10**6)  # noqa: S311 - said, so that it can be repeated
    with capsys.disabled():
        print(f"\nmake chaos ROUNDS={ROUNDS} SEED={first}")  # noqa: T201
    with chaos.chaos() as played:
        for this, found in played.rounds(first, ROUNDS):
            print(this)  # noqa: T201
            assert (found, f"seed {first}") == ([], f"seed {first}")
