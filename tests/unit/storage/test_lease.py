"""A lease has one holder: it is renewed, it is let go, and it is taken from whoever gives no sign of life."""

import threading
import time

import pytest

from galley.errors import StageInterrupted
from galley.storage import bucket, lease
from galley.storage.lease import Lease


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.2)
    monkeypatch.setattr(lease, "TIMEOUT", 1.5)


@pytest.fixture
def path(in_bucket):
    return in_bucket / ".01_stage.lock"


def silent(path):
    """A lease whose holder was killed: it is not renewed, and not let go."""
    held = Lease(path)
    assert held.take() is None
    held._over.set()
    time.sleep(2 * lease.BEAT)
    return held


def test_who_comes_second_is_told_who_has_it(path):
    first, second = Lease(path), Lease(path)
    assert first.take() is None
    assert first.is_held()
    assert second.take().startswith("process ")
    first.release()
    assert not first.is_held()
    assert second.take() is None
    second.release()


def test_of_many_that_want_it_at_once_one_gets_it(path):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(Lease(path).take())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(None) == 1


def test_who_waits_gets_it_when_it_is_let_go(path):
    first, second = Lease(path), Lease(path)
    first.take()
    threading.Timer(1.0, first.release).start()
    assert second.take(wait=True) is None
    second.confirm()


def test_it_is_kept_for_longer_than_anybody_waits(path):
    first = Lease(path)
    first.take()
    time.sleep(2 * lease.TIMEOUT)
    assert Lease(path).take() is not None
    first.confirm()
    first.release()


def test_who_was_killed_loses_it(path):
    silent(path)
    began = time.monotonic()
    assert Lease(path).take() is None
    assert time.monotonic() - began >= lease.TIMEOUT


def test_who_was_only_suspended_is_told_that_it_does_not_count_any_more(path):
    suspended = silent(path)
    successor = Lease(path)
    assert successor.take() is None
    suspended._over.clear()  # it goes on
    with pytest.raises(StageInterrupted, match="does not count"):
        suspended.confirm()
    suspended.release()
    successor.confirm()


def test_who_could_not_renew_it_for_too_long_does_not_count_either(path, monkeypatch):
    held = Lease(path)
    held.take()
    monkeypatch.setattr(bucket, "swap", lambda *_: (_ for _ in ()).throw(OSError("away")))
    time.sleep(lease.TIMEOUT + 2 * lease.BEAT)
    with pytest.raises(StageInterrupted):
        held.confirm()


def test_a_renewal_whose_answer_was_lost_is_known_as_ones_own(path, monkeypatch):
    held = Lease(path)
    held.take()
    real = bucket.swap

    def stored_without_an_answer(*asked):
        monkeypatch.setattr(bucket, "swap", real)
        real(*asked)
        raise OSError("the answer was lost")

    monkeypatch.setattr(bucket, "swap", stored_without_an_answer)
    time.sleep(4 * lease.BEAT)
    held.confirm()
    held.release()
