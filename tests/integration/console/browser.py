"""A browser without JavaScript: keeps cookies, reads the pages it gets, fills in and sends their forms."""

from html.parser import HTMLParser
from typing import Self

import httpx

# Elements that HTML leaves open.
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Form:
    """A form of a page as a browser would send it; ``buttons`` are what names and values its buttons add."""

    def __init__(self, method: str, action: str, identity: str) -> None:
        self.method = method
        self.action = action
        self.identity = identity
        self.values: list[tuple[str, str]] = []
        self.buttons: list[tuple[str, str]] = []
        self.texts: list[str] = []

    def filled(self, changes: dict[str, str | list[str] | None]) -> dict[str, list[str]]:
        """What is sent when these fields are filled in otherwise; ``None`` leaves a box unchecked."""
        sent: dict[str, list[str]] = {}
        for name, value in self.values:
            sent.setdefault(name, []).append(value)
        for name, change in changes.items():
            sent.pop(name, None)
            if change is not None:
                sent[name] = change if isinstance(change, list) else [change]
        return sent


class Page(HTMLParser):
    """One page, read strictly: whatever a browser would mend silently is a mistake here."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.response = response
        self.status = response.status_code
        self.text = ""
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.mistakes: list[str] = []
        self.labels: set[str] = set()
        self.fields: dict[str, dict[str, str | None]] = {}
        self._ids: set[str] = set()
        self._open: list[str] = []
        self._form: Form | None = None
        self._select: str | None = None
        self._textarea: str | None = None
        if response.headers.get("Content-Type", "").startswith("text/html"):
            self.feed(response.text)
            self.close()
            self.mistakes += [f"<{tag}> is never closed" for tag in self._open]
            self.mistakes += [
                f"the label for {name} labels nothing" for name in self.labels if name not in self._ids
            ]

    def form(self, action: str) -> Form:
        """The form that is sent to an address ending so, or the one of that id (``#id``)."""
        found = [
            form
            for form in self.forms
            if form.action.split("?")[0].endswith(action) or action == f"#{form.identity}"
        ]
        assert len(found) == 1, (action, [form.action for form in self.forms])
        return found[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the element is for."""
        given = dict(attrs)
        if tag not in _VOID:
            self._open.append(tag)
        self._check(tag, given)
        match tag:
            case "a":
                self.links.append(given.get("href") or "")
            case "label":
                self.labels.add(given.get("for") or "")
            case "form":
                self._form = Form(
                    (given.get("method") or "get").lower(),
                    given.get("action") or str(self.response.url.path),
                    given.get("id") or "",
                )
                self.forms.append(self._form)
            case "input" | "select" | "textarea" | "button":
                self._field(tag, given)
            case "option" if self._select and self._form is not None and "selected" in given:
                self._form.values.append((self._select, given.get("value") or ""))

    def _field(self, tag: str, given: dict[str, str | None]) -> None:
        name, value, kind = given.get("name"), given.get("value"), given.get("type")
        if name and tag != "button":
            self.fields[name] = given
        if name is None or self._form is None or "disabled" in given:
            return
        if tag == "button":
            self._form.buttons.append((name, value or ""))
        elif tag == "select":
            self._select = name
        elif tag == "textarea":
            self._textarea = name
            self._form.values.append((name, ""))
        elif kind not in ("checkbox", "radio") or "checked" in given:
            self._form.values.append((name, value if value is not None else "on" if kind else ""))

    def _check(self, tag: str, given: dict[str, str | None]) -> None:
        if "style" in given or any(name.startswith("on") for name in given):
            self.mistakes.append(f"<{tag}> has style or script in an attribute: {given}")
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.mistakes.append(f"<{tag}> stands in the page")
        identity = given.get("id")
        if identity is not None:
            if identity in self._ids:
                self.mistakes.append(f"the id {identity} is there twice")
            self._ids.add(identity)
        if tag == "img" and given.get("alt") is None:
            self.mistakes.append("an image has no alt")
        address = given.get("src") or (given.get("href") if tag == "link" else None)
        if address:
            self.loaded.append(address)

    def handle_endtag(self, tag: str) -> None:
        """Leave the element."""
        if not self._open or self._open.pop() != tag:
            self.mistakes.append(f"</{tag}> closes nothing, at {self.getpos()}")
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        """Gather the page's text."""
        if self._textarea and self._form is not None:
            name, before = self._form.values[-1]
            # A browser drops the line end after the opening tag.
            self._form.values[-1] = (name, before + (data.removeprefix("\n") if not before else data))
        if self._open and self._open[-1] not in ("script", "style"):
            self.text += data


class Browser:
    """One browser at the console."""

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(
            base_url=address, follow_redirects=True, timeout=60, trust_env=False, verify=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str) -> Page:
        """Open a page."""
        return Page(self.http.get(path))

    def send(
        self,
        page: Page,
        action: str,
        changes: dict[str, str | list[str] | None] | None = None,
        button: tuple[str, str] | None = None,
    ) -> Page:
        """Fill in and send the page's form to this address, by its first button or the one named."""
        form = page.form(action)
        sent = form.filled(changes or {})
        if button is not None:
            assert button in form.buttons, (button, form.buttons)
            sent[button[0]] = [button[1]]
        elif form.buttons:
            sent[form.buttons[0][0]] = [form.buttons[0][1]]
        if form.method == "get":
            return Page(self.http.get(form.action, params=sent))
        return Page(self.http.post(form.action, data=sent))

    def sign_in(self, name: str, password: str) -> Page:
        """Sign in by the form."""
        page = self.get("/console/sign-in")
        return self.send(page, "/sign-in", {"name": name, "password": password})
