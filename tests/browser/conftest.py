"""Headless Chromium, the system's own, in front of a real Airflow. With --pictures the walk leaves pictures behind."""

import io
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from story import Story

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LARGEST = 150_000
"""Bytes of a picture: they are kept in the repository."""
AXE = "4.14.1"
CACHE = Path(__file__).parents[2] / ".cache"
expect.set_options(timeout=60_000)


def pytest_addoption(parser):
    parser.addoption("--pictures", type=Path, help="folder that pictures are written to")
    parser.addoption("--home", type=Path, help="folder of an earlier story, to go on with; default: a new one")


@pytest.fixture(scope="session")
def begun(request, tmp_path_factory, receiver):
    """Airflow in which nothing may have happened yet."""
    story = Story.begin(request.config.getoption("--home") or tmp_path_factory.mktemp("story"), receiver.url)
    yield story
    story.end()


@pytest.fixture(scope="session")
def story(begun):
    """Airflow with a past."""
    begun.tell()
    return begun


@pytest.fixture(scope="session")
def browser():
    """The browser; Playwright's own is never downloaded."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.exit("There is no Chromium here. Install it (Debian, Ubuntu: apt install chromium).", returncode=1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def signed_in(browser):
    """A function that gives the browser of a user who has logged in by the form, once in each Airflow.

    Pages of one browser have what it keeps of Airflow's scripts in common, which are most of what opening a page costs.
    """

    @cache
    def signed_in(url, user, password):
        context = browser.new_context(base_url=url)
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.goto("/auth/login")
        page.fill("input[name=username]", user)
        page.fill("input[name=password]", password)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/auth/" not in url)
        page.close()
        return context

    return signed_in


@pytest.fixture
def visit(story, signed_in):
    """A function that opens a page of Airflow as a user who is logged in; what the page stores is gone afterwards."""
    pages = []

    def visit(path="/", user="reviewer", theme="light", width=1280, height=800):
        page = signed_in(story.url, user, story.password(user)).new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.add_init_script(f"localStorage.setItem('theme', '{theme}')")
        page.goto(path)
        return page

    yield visit
    for page in pages:
        page.evaluate("localStorage.clear()")
        page.close()


@pytest.fixture(scope="session")
def axe():
    """The accessibility checker's script, fetched by npm into the cache; it is no part of the project."""
    package = CACHE / f"axe-core-{AXE}.tgz"
    if not package.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm, which fetches axe-core, is not here")
        CACHE.mkdir(exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", f"axe-core@{AXE}"], cwd=CACHE, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(package) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@pytest.fixture
def picture(request):
    """A function that takes a picture of a page, if pictures are wanted; small, as it is kept."""
    folder = request.config.getoption("--pictures")

    def picture(page, name):
        if folder is None:
            return
        page.wait_for_timeout(1500)  # for what moves or fades in
        content = page.screenshot(animations="disabled")
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.open(io.BytesIO(content)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
        image.save(folder / f"{name}.png", optimize=True)
        assert (folder / f"{name}.png").stat().st_size < LARGEST

    return picture
