"""Reads an expression: a subset of the Common Expression Language (CEL, github.com/google/cel-spec), as a tree. Pure.

One thing is added: names of attributes may have hyphens, as Active Directory's have. There are no loops ("macros"), no
arithmetic and no regular expressions, so that how long an expression takes and how long its result gets is known before
it runs (docs/decisions/0011-mapping-by-expressions.md).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.language import declared, phrase
from shared.mapping.errors import MappingError
from shared.mapping.tree import Attribute, Binary, Call, Either, Items, Node, Not, Number, Table, Text, Truth

MOST_CHARACTERS = 1000
MOST_PARTS = 100
MOST_LEVELS = 24

ATTRIBUTE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


_TOKEN = re.compile(
    r"""(?P<blank>\s+)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<name>[A-Za-z][A-Za-z0-9-]*)
    |(?P<number>[0-9]+(?![0-9A-Za-z_-]))
    |(?P<sign>&&|\|\||[=!<>]=|[<>!?:,.()\[\]{}+])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_COMPARING = ("==", "!=", "<", "<=", ">", ">=", "in")
_LIKELY = {
    "=": declared("Compare with '=='."),
    "&": declared("Write '&&' for and."),
    "|": declared("Write '||' for or."),
    "-": declared("There is no subtraction. Put a text in quotes."),
    '"': declared("This text is not closed: its second quotation mark is missing."),
    "'": declared("This text is not closed: its second quotation mark is missing."),
    "_": declared("Names of attributes have letters, digits and hyphens."),
}
_TYPOGRAPHIC = "“”„‘’‚«»´`"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(expression: str) -> Node:
    """The tree of an expression.

    :raises MappingError: it cannot be read, or is too long or nested too deeply.
    """
    if len(expression) > MOST_CHARACTERS:
        raise MappingError(
            phrase(
                "The expression has {expression:,} characters; at most {most_characters:,} are allowed.",
                expression=len(expression),
                most_characters=MOST_CHARACTERS,
            ),
            expression,
            MOST_CHARACTERS,
        )
    return _Parser(expression).whole()


def _tokens(expression: str) -> Iterator[_Token]:
    at = 0
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        if found is None:
            character = expression[at]
            problem = _LIKELY.get(character) or phrase(
                "'{character}' is not allowed here.", character=character
            )
            if character.isdecimal():
                problem = declared(
                    "An attribute's name begins with a letter, e.g. ipPhone; put a text of digits in quotes."
                )
            if character in _TYPOGRAPHIC:
                problem = declared("Use plain quotation marks: \"…\" or '…'.")
            raise MappingError(problem, expression, at)
        if found.lastgroup != "blank":
            yield _Token(found.lastgroup or "", found[0], at)
        at = found.end()
    yield _Token("end", "", len(expression))


class _Parser:
    """By recursive descent, one method a level of precedence; the weakest first."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = list(_tokens(expression))
        self._place = 0
        self._level = 0
        self._parts = 0

    def whole(self) -> Node:
        if self._next.kind == "end":
            raise self._wrong(
                declared(
                    "Enter the name of an attribute or an expression, e.g. first(ipPhone, telephoneNumber)."
                )
            )
        node = self._either()
        if self._next.kind != "end":
            raise self._wrong(
                phrase(
                    "Unexpected '{next_text}'. The name of an attribute has no spaces; put a text in quotes: "
                    'e.g. ipPhone, "IT".',
                    next_text=self._next.text,
                )
            )
        return node

    def _either(self) -> Node:
        self._level += 1
        if self._level > MOST_LEVELS:
            raise self._wrong(
                phrase(
                    "The expression is nested more than {most_levels} levels deep. Make it simpler.",
                    most_levels=MOST_LEVELS,
                )
            )
        node = self._any_of()
        if self._next.text == "?":
            at = self._take().at
            then = self._any_of()
            self._expect(
                ":",
                declared(
                    "'?' needs two values with ':' between them, as in co == \"DE\" ? mobile : ipPhone."
                ),
            )
            node = self._counted(Either(at, node, then, self._either()))
        self._level -= 1
        return node

    def _any_of(self) -> Node:
        node = self._all_of()
        while self._next.text == "||":
            node = self._counted(Binary(self._take().at, "||", node, self._all_of()))
        return node

    def _all_of(self) -> Node:
        node = self._comparison()
        while self._next.text == "&&":
            node = self._counted(Binary(self._take().at, "&&", node, self._comparison()))
        return node

    def _comparison(self) -> Node:
        node = self._sum()
        if self._is_comparing():
            sign = self._take()
            node = self._counted(Binary(sign.at, sign.text, node, self._sum()))
            if self._is_comparing():
                raise self._wrong(
                    declared(
                        "Compare two values at a time, and join comparisons with '&&' (and) or '||' (or)."
                    )
                )
        return node

    def _is_comparing(self) -> bool:
        return self._next.text in _COMPARING and self._next.kind in ("sign", "name")

    def _sum(self) -> Node:
        node = self._opposite()
        while self._next.text == "+":
            node = self._counted(Binary(self._take().at, "+", node, self._opposite()))
        return node

    def _opposite(self) -> Node:
        if self._next.text != "!":
            return self._member()
        at = self._take().at
        if self._next.text == "!":
            raise self._wrong(declared("Write one '!' at most."))
        return self._counted(Not(at, self._member()))

    def _member(self) -> Node:
        node = self._primary()
        while self._next.text == ".":
            self._take()
            name = self._take()
            if name.kind != "name" or self._next.text != "(":
                raise self._wrong(declared("'.' needs a function after it, as in mobile.trim()."), name.at)
            # CEL: x.f(y) is f(x, y).
            node = self._counted(Call(name.at, name.text, (node, *self._arguments())))
        return node

    def _primary(self) -> Node:
        token = self._take()
        match token.kind:
            case "text":
                return self._counted(Text(token.at, self._unescaped(token)))
            case "number":
                if len(token.text) > 6:
                    raise self._wrong(
                        declared("This number is too large. Put a text of digits in quotes."), token.at
                    )
                return self._counted(Number(token.at, int(token.text)))
            case "name":
                return self._counted(self._named(token))
        match token.text:
            case "(":
                node = self._either()
                self._expect(")", declared("This bracket is not closed: ')' is missing."), token.at)
                return node
            case "[":
                return self._counted(Items(token.at, self._listed("]", token.at)))
            case "{":
                return self._counted(Table(token.at, self._entries(token.at)))
        if token.kind == "end":
            raise self._wrong(declared("The expression ends here, but a value is missing."), token.at)
        raise self._wrong(
            phrase("A value is missing before '{token_text}'.", token_text=token.text), token.at
        )

    def _named(self, token: _Token) -> Node:
        if self._next.text == "(":
            return Call(token.at, token.text, self._arguments())
        match token.text:
            case "true" | "false":
                return Truth(token.at, token.text == "true")
            case "null":
                raise self._wrong(
                    declared('There is no null: an attribute that is not set is an empty text, "".'), token.at
                )
            case "in":
                raise self._wrong(declared("A value was expected here, but there is 'in'."), token.at)
        return Attribute(token.at, token.text)

    def _arguments(self) -> tuple[Node, ...]:
        return self._listed(")", self._take().at)

    def _listed(self, closing: str, at: int) -> tuple[Node, ...]:
        items: list[Node] = []
        while self._next.text != closing:
            items.append(self._either())
            if self._next.text != ",":
                break
            self._take()
        self._expect(
            closing, phrase("This bracket is not closed: '{closing}' or ',' is missing.", closing=closing), at
        )
        return tuple(items)

    def _entries(self, at: int) -> tuple[tuple[Text, Text], ...]:
        entries: dict[str, tuple[Text, Text]] = {}
        while self._next.text != "}":
            key = self._literal()
            self._expect(
                ":", declared('An entry needs \':\' between its two texts, as in {"IT": "Support"}.')
            )
            if key.value.casefold() in entries:
                raise self._wrong(
                    phrase(
                        "The table has two entries for '{value}' (capitals make no difference).",
                        value=key.value,
                    ),
                    key.at,
                )
            entries[key.value.casefold()] = key, self._literal()
            if self._next.text != ",":
                break
            self._take()
        self._expect("}", declared("This bracket is not closed: '}' or ',' is missing."), at)
        return tuple(entries.values())

    def _literal(self) -> Text:
        token = self._take()
        if token.kind != "text":
            raise self._wrong(
                declared('A table has texts in quotes only, as in {"IT": "Support"}.'), token.at
            )
        return Text(token.at, self._unescaped(token))

    def _unescaped(self, token: _Token) -> str:
        def _one(found: re.Match[str]) -> str:
            code = found[1]
            if len(code) == 5:
                return chr(int(code[1:], 16))
            if code not in _ESCAPED:
                raise self._wrong(
                    phrase("'\\{code}' has no meaning in a text. A backslash is written '\\\\'.", code=code),
                    token.at + 1 + found.start(),
                )
            return _ESCAPED[code]

        return _ESCAPE.sub(_one, token.text[1:-1])

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._tokens[self._place]
        if token.kind != "end":
            self._place += 1
        return token

    def _expect(self, sign: str, sentence: str, at: int | None = None) -> None:
        if self._next.kind == "sign" and self._next.text == sign:
            self._take()
        else:
            raise self._wrong(sentence, at)

    def _counted(self, node: Node) -> Node:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise self._wrong(
                phrase(
                    "The expression has more than {most_parts} parts. Make it simpler.", most_parts=MOST_PARTS
                ),
                node.at,
            )
        return node

    def _wrong(self, sentence: str, at: int | None = None) -> MappingError:
        return MappingError(sentence, self._expression, self._next.at if at is None else at)
