"""A real browser, and how tests type, press and look in it."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
#: A browser that leaves a page drops what it was still fetching; werkzeug's server,
#: which serves only tests, then leaves the open file to the collector.
DROPPED_REQUESTS = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser."""
    if not CHROMIUM.exists():
        pytest.fail("there is no chromium: bin/bootstrap --test installs it")
    # No sandbox: it cannot be had as root, and the pages are our own.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox"]
        )
        yield browser
        browser.close()
    # Here, and not in the middle of another module's test.
    gc.collect()


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    """A customer's phone."""
    with chromium.new_context(
        viewport={"width": 390, "height": 800}, locale="en-GB"
    ) as context:
        yield new_page(context)


def new_page(context: BrowserContext) -> Page:
    page = context.new_page()
    page.set_default_timeout(20_000)
    return page


def fill(page: Page, **values: str) -> None:
    """Fill a form's fields, by their names."""
    for name, value in values.items():
        field = page.locator(f"main [name={name}]")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()
    page.wait_for_load_state()


def log_in(page: Page, address: str, username: str, password: str) -> None:
    page.goto(address)
    fill(page, username=username, password=password)
    press(page, "Log in")


def picture(page: Page, name: str) -> None:
    if os.environ.get("KHATA_SCREENSHOTS"):
        folder = Path("var/screenshots")
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"walk-{name}.png")
