"""Headless Chromium goes from a mail's link to a review's answer. In the browser environment; from stdin, as JSON:

link, the form's address; page, the task `train` of the same run; user, password; reason, or none to look only;
name, that of this machine in the link, whose certificate is taken as it is.
"""

import json
import re
import shutil
import sys

from playwright.sync_api import Page, expect, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
expect.set_options(timeout=60_000)


def log_in(page: Page, asked: dict[str, str]) -> None:
    page.goto(asked["link"])
    page.fill("input[name=username]", asked["user"])
    page.fill("input[name=password]", asked["password"])
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/required_actions$"))


def read_the_review(page: Page) -> None:
    with page.expect_popup() as opened:
        page.get_by_role("link", name="The whole review").click()
    report = opened.value.frame_locator("iframe").first.frame_locator("iframe[name=report]")
    expect(report.locator(".banner h1")).to_contain_text("review")


def open_the_notebook(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("link", name="Notebook").click()
    report = page.frame_locator("iframe").first.frame_locator("iframe[name=report]")
    expect(report.locator(".banner h1")).to_contain_text("train")


def open_reports(page: Page) -> None:
    page.get_by_role("link", name="Reports").click()
    expect(page.frame_locator("iframe").first.locator("time").first).to_be_visible()


def answer(page: Page, asked: dict[str, str]) -> None:
    page.goto(asked["link"])
    page.locator("[name=element_reason]").fill(asked["reason"])
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Response received")).to_be_visible()


def walk(asked: dict[str, str]) -> None:
    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--host-resolver-rules=MAP {asked['name']} 127.0.0.1"] if asked.get("name") else FLAGS
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        size = {"width": 1280, "height": 1000}
        page = browser.new_context(viewport=size, ignore_https_errors=bool(asked.get("name"))).new_page()
        log_in(page, asked)
        read_the_review(page)
        open_the_notebook(page, asked["page"])
        open_reports(page)
        if asked.get("reason"):
            answer(page, asked)
        browser.close()


if __name__ == "__main__":
    walk(json.load(sys.stdin))
