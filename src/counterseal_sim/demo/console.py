"""The console as a person without a browser uses it: pages, their forms with whatever stands in them, and what comes back."""

import http.client
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from counterseal_sim.demo.narration import StepFailed

MOST_REDIRECTS: Final = 5
_SPACE: Final = re.compile(r"\s+")
_SILENT: Final = frozenset({"script", "style", "svg", "head", "template"})


@dataclass(slots=True)
class Form:
    """One form of a page: where it goes, and its fields as a browser would send them unchanged."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """Every control, also unticked ones and buttons."""

    def filled(self, changes: Mapping[str, str | Sequence[str]]) -> list[tuple[str, str]]:
        """With the changed fields; several values tick several boxes. Raises ``StepFailed`` for a field that is not there."""
        strangers = set(changes) - self.names
        if strangers:
            raise StepFailed(f"the form at {self.action} has no field {', '.join(sorted(strangers))}")
        kept = [(name, value) for name, value in self.fields if name not in changes]
        for name, value in changes.items():
            kept += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer of the console."""

    path: str
    status: int
    text: str
    """What a person reads, with single spaces."""
    forms: tuple[Form, ...]

    def says(self, words: str) -> bool:
        return _SPACE.sub(" ", words) in self.text

    def form(self, name: str) -> Form:
        """The first posted form with this control. Raises ``StepFailed``."""
        for found in self.forms:
            if found.method == "post" and name in found.names:
                return found
        raise StepFailed(f"{self.path} (status {self.status}) has no form with {name}: {self.text[:400]}")


class Console:
    """One person at one console."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookies: dict[str, str] = {}

    def open(self, address: str) -> Page:
        """The page at an address or path; redirects are followed."""
        return self._go("GET", address, None)

    def submit(self, page: Page, control: str, /, **changes: str | Sequence[str]) -> Page:
        """Posts the form of ``page`` that has the control ``control``, with ``changes``; the rest as it stands there."""
        form = page.form(control)
        body = urlencode(form.filled(changes))
        return self._go("POST", urljoin(page.path, form.action), body)

    def _go(self, method: str, address: str, body: str | None) -> Page:
        for _ in range(MOST_REDIRECTS):
            parts = urlsplit(address)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            status, location, content = self._ask(method, path, body)
            if status not in (302, 303):
                reader = _Reader(path)
                reader.feed(content)
                text = _SPACE.sub(" ", "".join(reader.words)).strip()
                return Page(path=path, status=status, text=text, forms=tuple(reader.forms))
            method, body, address = "GET", None, urljoin(path, location)
        raise StepFailed(f"{address} redirects without end")

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, str, str]:
        sent = {"Cookie": "; ".join(f"{n}={v}" for n, v in self._cookies.items())} if self._cookies else {}
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            content = answer.read().decode("utf-8")
            for line in answer.headers.get_all("Set-Cookie") or ():
                self._keep(line)
            return answer.status, answer.headers.get("Location", ""), content
        except (OSError, http.client.HTTPException) as error:
            raise StepFailed(f"{method} {path} at the console on port {self._port}: {error}") from error
        finally:
            connection.close()

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0" or not morsel.value:
                self._cookies.pop(name, None)
            else:
                self._cookies[name] = morsel.coded_value


class _Reader(HTMLParser):
    """Words and forms of a page. Fields outside any form are left aside."""

    def __init__(self, path: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.forms: list[Form] = []
        self._path = path
        self._form: Form | None = None
        self._silent = 0
        self._select = ""
        self._options: list[tuple[str, bool]] = []
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _SILENT:
            self._silent += 1
        if tag == "form":
            self._form = Form(given.get("action", "") or self._path, given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "select":
            self._select, self._options = given.get("name", ""), []
        elif tag == "option":
            self._options.append((given.get("value", ""), "selected" in given))
        elif tag == "textarea":
            self._area = ""
            self._note(given, None)
            self._select = given.get("name", "")
        elif tag in ("input", "button"):
            self._control(tag, given)
        self.words.append(" ")

    def _control(self, tag: str, given: Mapping[str, str]) -> None:
        kind = given.get("type", "text" if tag == "input" else "submit")
        if tag == "button" or kind in ("submit", "image", "button", "reset", "file"):
            self._note(given, None)
        elif kind in ("checkbox", "radio"):
            self._note(given, given.get("value", "on") if "checked" in given else None)
        else:
            self._note(given, given.get("value", ""))

    def _note(self, given: Mapping[str, str], value: str | None) -> None:
        name = given.get("name", "")
        if self._form is None or not name or "disabled" in given:
            return
        self._form.names.add(name)
        if value is not None:
            self._form.fields.append((name, value))

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent -= 1
        if tag == "form":
            self._form = None
        elif tag == "select":
            chosen = [value for value, selected in self._options if selected] or [v for v, _ in self._options[:1]]
            self._note({"name": self._select}, chosen[0] if chosen else None)
        elif tag == "textarea":
            self._note({"name": self._select}, self._area or "")
            self._area = None
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area += data
        elif not self._silent:
            self.words.append(data)
