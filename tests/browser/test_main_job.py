"""The whole main job between two gateway processes, driven in a browser as people would; pictures go to ``test-output/``."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect  # noqa: A004  it is not the built-in one

from tests.browser.look import complaints, picture
from tests.browser.pair import Gateway, Pair, two_gateways
from tests.builders import mint
from tests.configurations import key_file

ORDER: Final = b"UNB+UNOC:3+ALPHA:14+BRAVO:14+261125:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220+PO-4711+9'UNT+3+1'UNZ+1+1'"
PASSWORD: Final = "a sentence is a fine password"
PATIENCE_MILLISECONDS: Final = 30_000
LOOK_MILLISECONDS: Final = 1_500

expect.set_options(timeout=PATIENCE_MILLISECONDS)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the console of one gateway."""

    gateway: Gateway
    page: Page
    script: bool

    def open(self, path: str) -> None:
        self.page.goto(self.gateway.base + path)

    def press(self, name: str) -> None:
        """The button or link with this text; hidden text that names its row may follow."""
        wanted = re.compile(rf"^{re.escape(name)}\b")
        self.page.get_by_role("button", name=wanted).or_(self.page.get_by_role("link", name=wanted)).first.click()

    def sees(self, text: str) -> None:
        """Now or soon. Without script a person loads the page again until it says so."""
        found = self.page.locator("main").get_by_text(text, exact=False).first
        if self.script:
            expect(found).to_be_visible()
            return
        # What a form's answer says stands there once: time to arrive, before the page is loaded again.
        for _ in range(PATIENCE_MILLISECONDS // LOOK_MILLISECONDS):
            with suppress(TimeoutError):
                found.wait_for(timeout=LOOK_MILLISECONDS)
                return
            self.page.reload()
        expect(found).to_be_visible()

    def meets_refusal(self, text: str) -> None:
        """The form comes back with the sentence at its field and on top."""
        expect(self.page.get_by_role("alert")).to_contain_text(text)
        expect(self.page.locator("span.error").first).to_be_visible()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with two_gateways(tmp_path_factory.mktemp("pair")) as made:
        yield made


@pytest.fixture
def someone_at(chromium: Browser) -> Iterator[Callable[[Gateway, bool], Person]]:
    contexts = []

    def make(gateway: Gateway, script: bool) -> Person:
        context = chromium.new_context(
            viewport={"width": 1440, "height": 900}, locale="en-GB", java_script_enabled=script
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        contexts.append(context)
        return Person(gateway, context.new_page(), script)

    yield make
    for context in contexts:
        context.close()


def test_the_main_job_between_two_gateways(
    pair: Pair, someone_at: Callable[[Gateway, bool], Person], tmp_path: Path
) -> None:
    """Alpha's person has script, Bravo's has none; neither needs more than the other."""
    alpha, bravo = someone_at(pair.alpha, True), someone_at(pair.bravo, False)
    begin(alpha, "mara", "Mara Lind")
    begin(bravo, "odd", "Odd Berg")
    order = tmp_path / "orders.edi"
    order.write_bytes(ORDER)
    send_document(alpha, order, "Order PO-4711")
    read_document(bravo, order, "Order PO-4711")
    finish_the_wizard(alpha)
    accept(bravo)
    see_it_in_use(alpha)
    use_the_new_certificate(alpha, bravo, order)
    import_and_be_rejected(alpha, bravo, tmp_path)
    assert look_around(alpha) == []


def begin(person: Person, name: str, full_name: str) -> None:
    """The one-time link that the first start printed makes the administrator, once."""
    page = person.page
    page.goto(person.gateway.link)
    page.fill("#name", name)
    page.fill("#full_name", full_name)
    page.fill("#password", "short")
    person.press("Set password and sign in")
    person.meets_refusal("12 characters")
    page.fill("#password", PASSWORD)
    person.press("Set password and sign in")
    person.sees("Nothing is prepared to follow it.")
    picture(page, f"job-01-home-{person.gateway.slug}")
    page.goto(person.gateway.link)
    expect(page.locator("h1")).to_have_text("This link does not open any more")
    person.open("")


def send_document(person: Person, file: Path, subject: str) -> None:
    page = person.page
    person.open("/documents/new")
    person.press("Send the document")
    person.meets_refusal("No file is chosen")
    page.set_input_files("#file", file)
    page.fill("#subject", subject)
    person.press("Send the document")
    person.sees("Acknowledged with a matching digest")
    picture(page, f"job-02-document-sent-by-{person.gateway.slug}")


def read_document(person: Person, file: Path, subject: str) -> None:
    page = person.page
    person.open("/documents")
    person.sees(subject)
    page.locator("tbody tr", has_text=subject).locator("a.subject").click()
    person.sees("Delivered to the backend")
    picture(page, "job-03-document-received")
    with page.expect_download() as download:
        person.press("Payload")
    assert download.value.suggested_filename == file.name
    assert Path(download.value.path()).read_bytes() == file.read_bytes()


def finish_the_wizard(person: Person) -> None:
    """Self-signed, as the renewal of the one in use, told to the partner by CEM."""
    page = person.page
    person.open("")
    person.press("Renew")
    picture(page, "job-04-wizard-choose")
    person.press("Continue")
    page.fill("#common_name", "")
    page.fill("#country", "Norway")
    page.locator(".formbar .button--primary").click()
    person.meets_refusal("common name is empty")
    page.fill("#common_name", person.gateway.name)
    page.fill("#country", "NO")
    picture(page, "job-05-wizard-fill")
    page.locator(".formbar .button--primary").click()
    person.press("Finish and tell the ticked partners")
    person.meets_refusal("No partner is picked")
    page.get_by_label("Bravo Bows").check()
    page.fill("#respond_by_date", "2020-01-01")
    page.locator("#finish-button").click()
    person.meets_refusal("is in the past")
    page.fill("#respond_by_date", f"{datetime.now(UTC) + timedelta(days=10):%Y-%m-%d}")
    expect(page.locator("#finish")).to_contain_text("queue 1 message: 1 CEM")
    picture(page, "job-06-wizard-details")
    person.press("Finish and tell 1 partner")
    person.sees("Stored, and on its way to 1 partner")
    person.sees("Waiting")
    picture(page, "job-07-request-told")


def accept(person: Person) -> None:
    page = person.page
    person.open("")
    person.sees("Alpha Arrows wants us to use a new certificate")
    person.press("Compare and decide")
    expect(page.locator("table.compare")).to_contain_text("differs")
    picture(page, "job-08-received-compare")
    person.press("Accept and tell Alpha Arrows")
    person.sees("1 certificate accepted")
    picture(page, "job-09-received-accepted")


def see_it_in_use(person: Person) -> None:
    """The answer arrives by itself; it was encrypted to the new certificate, which is seen."""
    person.open("/sent")
    Person(person.gateway, person.page, script=False).sees("Complete")
    picture(person.page, "job-10-sent")
    person.page.locator("tbody a.subject").first.click()
    person.sees("Complete")
    person.sees("In use")
    person.sees("Retiring for 1 partner")
    picture(person.page, "job-11-request-in-use")


def use_the_new_certificate(alpha: Person, bravo: Person, file: Path) -> None:
    """Alpha signs with it, Bravo encrypts to it: the pages of the documents name it."""
    send_document(alpha, file, "after the change")
    used = alpha.page.locator("aside").get_by_text("Ours, signed with").locator("xpath=..")
    expect(used).to_contain_text("Alpha Arrows")
    expect(used).not_to_contain_text("alpha-old")
    read_document(bravo, file, "after the change")
    send_document(bravo, file, "back after the change")
    used = bravo.page.locator("aside").get_by_text("Theirs, encrypted for").locator("xpath=..")
    expect(used).to_contain_text("Alpha Arrows")
    expect(used).not_to_contain_text("alpha-old")
    read_document(alpha, file, "back after the change")
    alpha.open("/certificates")
    expect(alpha.page.locator("tbody tr", has_text="alpha-old")).to_contain_text("Retiring")
    picture(alpha.page, "job-12-certificates")


def import_and_be_rejected(alpha: Person, bravo: Person, folder: Path) -> None:
    """PKCS#12 with a password, told by CEM; Bravo says no with a reason, and nothing changes for it."""
    page = alpha.page
    file = folder / "alpha.p12"
    file.write_bytes(key_file(mint("Alpha Arrows", now=datetime.now(UTC)), "open sesame"))
    alpha.open("/wizard")
    page.get_by_label("Import one with its key").check()
    alpha.press("Continue")
    page.set_input_files("#file", file)
    page.fill("#password", "wrong")
    alpha.press("Read the file")
    alpha.meets_refusal("This password does not open alpha.p12")
    picture(page, "job-13-wizard-import")
    page.set_input_files("#file", file)
    page.fill("#password", "open sesame")
    alpha.press("Read the file")
    page.get_by_label("Send certificate exchange messages to partners").check()
    page.get_by_label("Bravo Bows").check()
    alpha.press("Finish and tell 1 partner")
    alpha.sees("Stored, and on its way to 1 partner")
    request = page.url
    bravo.open("/received")
    bravo.sees("Needs a decision")
    bravo.page.locator("tbody tr", has_text="Needs a decision").locator("a.subject").click()
    bravo.press("Reject and tell Alpha Arrows")
    bravo.meets_refusal("Say why")
    bravo.page.fill("#reason", "Please send one with RSA 4096")
    bravo.press("Reject and tell Alpha Arrows")
    bravo.sees("1 certificate rejected")
    page.goto(request)
    Person(alpha.gateway, page, script=False).sees("“Please send one with RSA 4096”")
    picture(page, "job-14-request-rejected")


PLACES: Final = ("", "/certificates", "/documents", "/sent/1", "/sent/2")


def look_around(person: Person) -> list[str]:
    """What real traffic leaves behind is as fit for every reader as the scenes of test_pages_look.py."""
    found = []
    for path in PLACES:
        person.open(path)
        found += complaints(person.page, f"job-after{path.replace('/', '-')}")
    return found
