"""Marks the texts of a template for gettext as it is loaded: templates hold plain text, and none can be forgotten.

A run of text between tags and blocks becomes one message, ``say(text, name=value)``, with the values in it as named
parameters; so do the attributes that a person reads or hears. A text among the values of an expression becomes
``_(text)``. The catalogue is made from the same marks. Pure.
"""

import re
from collections.abc import Iterator

_ATOM = re.compile(r"(\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\})", re.DOTALL)
# ``data-text-…``: what a script says, which stands at its element ``script``.
_READ = ("alt", "aria-label", "data-confirm", "data-label", r"data-text-\w+", "placeholder", "title")
# Emphasis within a sentence belongs to it.
_INLINE = re.compile(r"</?(?:strong|code)>")
_WORD = re.compile(r"[A-Za-z]?[a-z]")
# An example of what is typed, an address, or attributes that a macro writes.
_NO_TEXT = re.compile(r"[/=-]*\S*[/=-]\S*$|-----|.*=\"", re.DOTALL)
_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CLASSES = frozenset("button cards danger field full group wide small quiet primary visually-hidden".split())
# "{count} {one or many}": ``words.counted`` asks the catalogue itself.
_COUNTED = re.compile(r"words\.counted\((?:[^()]|\([^()]*\))*\)")
# How a template writes a number: in groups, as the language has them.
_GROUPED = "{:,}"
_FORMS = re.compile(r'"([^"]+)", "([^"]+)"\)$')
_CALL = re.compile(r"\b(?:say|_)\(('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")
_PARTS = re.compile(r"[A-Za-z_]+")


def marked(source: str) -> str:
    """The template with calls of ``gettext`` in place of what a person reads."""
    return "".join(_Marking(source).parts())


class _Marking:
    def __init__(self, source: str) -> None:
        self._atoms = _ATOM.split(source)
        self._run: list[str] = []
        self._out: list[str] = []

    def parts(self) -> list[str]:
        tag: list[str] | None = None
        for index, atom in enumerate(self._atoms):
            if index % 2:
                self._take_atom(atom, tag)
                continue
            position = 0
            while position < len(atom):
                if tag is None:
                    position = self._take_text(atom, position)
                    if position < len(atom):
                        tag = []
                        self._flush()
                else:
                    end = _end_of_tag(atom, position, "".join(tag))
                    tag.append(atom[position:end])
                    position = end
                    if tag[-1].endswith(">") and _is_closed("".join(tag)):
                        self._out.append(_with_attributes("".join(tag)))
                        tag = None
        self._flush()
        return self._out

    def _take_atom(self, atom: str, tag: list[str] | None) -> None:
        known = _with_literals(atom)
        if tag is not None:
            tag.append(known)
        elif atom.startswith("{{"):
            self._run.append(known)
        else:
            self._flush()
            self._out.append(known)

    def _take_text(self, text: str, position: int) -> int:
        """Take text up to the next tag that is not emphasis; where that begins."""
        start = position
        while True:
            found = text.find("<", position)
            if found < 0:
                self._run.append(text[start:])
                return len(text)
            inline = _INLINE.match(text, found)
            if inline is None:
                self._run.append(text[start:found])
                return found
            position = inline.end()

    def _flush(self) -> None:
        if self._run:
            self._out.append(_message("".join(self._run)))
            self._run = []


def _end_of_tag(text: str, position: int, before: str) -> int:
    quoted = before.count('"') % 2 == 1
    for index in range(position, len(text)):
        if text[index] == '"':
            quoted = not quoted
        elif text[index] == ">" and not quoted:
            return index + 1
    return len(text)


def _is_closed(tag: str) -> bool:
    return _ATOM.sub("", tag).count('"') % 2 == 0


def _with_attributes(tag: str) -> str:
    """A tag with those of its attributes marked that a person reads."""
    out, rest = "", tag
    pattern = re.compile(rf'\s(?:{"|".join(_READ)})="')
    while (found := pattern.search(rest)) is not None:
        value, end = _value(rest, found.end())
        out += rest[: found.end()] + (value if "{%" in value else _message(value))
        rest = rest[end:]
    return out + rest


def _value(text: str, start: int) -> tuple[str, int]:
    """The value of an attribute from ``start`` on, and where it ends; quotation marks of expressions do not end it."""
    position = start
    while position < len(text):
        atom = _ATOM.match(text, position)
        if atom is not None:
            position = atom.end()
        elif text[position] == '"':
            break
        else:
            position += 1
    return text[start:position], position


def _message(run: str) -> str:
    """A run of text and values as one call of ``gettext``; as it is when it has no word of its own."""
    pieces = _ATOM.split(run)
    own = re.sub(r"&\w+;|</?\w+>", " ", "".join(pieces[::2]))
    if not _WORD.search(own) or _NO_TEXT.match(own.strip()):
        return run
    head = re.match(r"\s*", run)
    tail = re.search(r"\s*$", run)
    assert head is not None
    assert tail is not None
    body = _ATOM.split(run[head.end() : tail.start()])
    text = ""
    values: dict[str, str] = {}
    for index, piece in enumerate(body):
        if index % 2 == 0:
            text += re.sub(r"\s+", " ", piece).replace("%", "%%")
            continue
        expression = piece[2:-2].strip()
        name = _name(expression, values)
        values[name] = expression
        text += f"%({name})s"
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    given = "".join(f", {name}={expression}" for name, expression in values.items())
    return f"{head[0]}{{{{ say('{quoted}'{given}) }}}}{tail[0]}"


def _name(expression: str, taken: dict[str, str]) -> str:
    """A parameter's name: the last word of what the expression reads; the same for the same expression."""
    bare = re.sub(r'"[^"]*"|\'[^\']*\'', "", expression)
    words = [word for word in _PARTS.findall(bare.split(" if ")[0].split("|")[0]) if len(word) > 1]
    ours = (
        "words",
        "link",
        "zone",
        "format",
        "grouped",
        "root_link",
        "length",
        "if",
        "else",
        "or",
        "not",
        "none",
    )
    name = next((word for word in reversed(words) if word not in ours), "value").lower()
    known, number = name, 1
    while known in taken and taken[known] != expression:
        number += 1
        known = f"{name}_{number}"
    return known


def _with_literals(atom: str) -> str:
    """An expression or block with its texts marked: literals that are prose and are compared with nothing."""
    if atom.startswith("{#") or re.match(r"\{%-?\s*(?:extends|from|import|include|macro|block)\b", atom):
        return atom

    counted = [found.span() for found in _COUNTED.finditer(atom)]

    def put(found: re.Match[str]) -> str:
        text = found[1]
        if text == _GROUPED:
            return "grouped"
        if any(start < found.start() < end for start, end in counted):
            return found[0]
        around = atom[max(0, found.start() - 4) : found.start()], atom[found.end() : found.end() + 4]
        if (
            not is_prose(text)
            or "==" in around[0]
            or "!=" in around[0]
            or "==" in around[1]
            or "[" in around[0][-1:]
        ):
            return found[0]
        return f'_("{text}")'

    return _LITERAL.sub(put, atom)


def is_prose(text: str) -> bool:
    """Whether a literal is for people: it begins with a capital letter or has several words, and is no class of CSS."""
    if not _WORD.search(text.replace("%s", "").replace("%d", "")) or any(
        sign in text for sign in ("<", "/", "{", "=", "_")
    ):
        return False
    if set(text.split()) <= _CLASSES:
        return False
    return bool(re.match(r"[A-Z][a-z]|[A-Z0-9]+ [a-z]", text)) or (
        " " in text.strip() and text.strip() == text
    )


def messages(source: str) -> Iterator[str | tuple[str, str]]:
    """Each message of a template; singular and plural of one that counts."""
    text = marked(source)
    for found in _CALL.finditer(text):
        yield re.sub(r"\\(.)", r"\1", found[1][1:-1])
    for counted in _COUNTED.findall(text):
        forms = _FORMS.search(counted)
        if forms is not None:
            yield forms[1], forms[2]
