"""What a report says of the commit: no more than is known, in a checkout, in an image, and without either."""

import subprocess

import pytest

from galley.run.checkout import IMAGE_CHECKOUT, described, for_image, git_state


@pytest.fixture
def checkout(tmp_path):
    """A repository with one commit."""
    (tmp_path / "a.py").write_text("a = 1\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "--message", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    git_state.cache_clear()
    return tmp_path


@pytest.fixture
def commit(checkout):
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def image(tmp_path, monkeypatch):
    """What is stated in an image, which has no git, and was built with these words."""

    def stated(built_from):
        monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
        monkeypatch.setenv(IMAGE_CHECKOUT, built_from)
        git_state.cache_clear()
        return git_state(tmp_path)

    yield stated
    git_state.cache_clear()


def test_a_clean_checkout_is_known_to_be_clean(checkout, commit):
    assert git_state(checkout) == {"git_commit": commit, "git_clean": True}
    assert described(git_state(checkout)) == commit


def test_an_image_of_a_clean_checkout_has_its_commit_and_is_not_known_to_be_clean(checkout, commit, image):
    stated = image(for_image(checkout))
    assert stated == {"git_commit": commit, "git_clean": None}
    assert described(stated, 12) == f"{commit[:12]}, perhaps with changes to it"


@pytest.mark.parametrize("name", ["a.py", "new.py"])
def test_an_image_of_a_checkout_with_changes_says_so(checkout, commit, image, name):
    (checkout / name).write_text("a = 2\n")
    stated = image(for_image(checkout))
    assert stated == {"git_commit": commit, "git_clean": False}
    assert described(stated) == f"{commit} and changes to it"


def test_where_nobody_can_tell_nothing_is_said(image):
    stated = image("")
    assert stated == {"git_commit": None, "git_clean": None}
    assert described(stated) == ""
