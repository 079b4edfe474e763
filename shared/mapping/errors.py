"""What is wrong with an expression, in the words of the person who typed it, with a caret below the place."""

from shared.language import listed

_SHOWN_BEFORE = 40
_SHOWN = 80


class MappingError(ValueError):
    """An expression that cannot be used, or that does not work for one person.

    ``sentence`` says it alone, ``told`` and ``str()`` show the place in the expression below it.
    """

    def __init__(self, sentence: str, expression: str, at: int) -> None:
        self.sentence = sentence
        self.expression = expression
        self.at = min(at, len(expression))
        self.told = listed([sentence, _pointed_at(expression, self.at)], "\n")
        super().__init__(str(self.told))


def _pointed_at(expression: str, at: int) -> str:
    """The line of the expression, or as much of it as fits, and a caret below the place."""
    start = expression.rfind("\n", 0, at) + 1
    end = expression.find("\n", at)
    line = expression[start : None if end < 0 else end]
    at -= start
    cut = max(0, at - _SHOWN_BEFORE) if len(line) > _SHOWN else 0
    shown = line[cut : cut + _SHOWN].replace("\t", " ")
    before = "…" if cut else ""
    return f"{before}{shown}{'…' if cut + _SHOWN < len(line) else ''}\n{' ' * (len(before) + at - cut)}^"
