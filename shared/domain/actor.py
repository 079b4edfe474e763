"""Who does something, in words: an account, a token, or a process of ours. Pure."""

from collections.abc import Mapping

from shared.language import declared, phrase

_PROCESSES: Mapping[str, str] = {
    "command line": declared("The command line"),
    "demo": declared("The demo"),
    "set-up link": declared("The set-up link"),
    "sign-in": declared("Rollcall"),
    "sign-in settings": declared("The sign-in settings"),
    "system": declared("Rollcall"),
    "upgrade": declared("The upgrade"),
}
_WITHIN: Mapping[str, str] = {
    "command line": declared("the command line"),
    "demo": declared("the demo"),
    "schedule": declared("the schedule"),
    "set-up link": declared("the set-up link"),
    "watch": declared("live changes"),
}


def who(actor: str) -> str:
    """Who did it, as a sentence begins with it: an account by its user name."""
    kind, _, name = actor.partition(":")
    if kind == "account" and name:
        return name
    if kind == "token" and name:
        return phrase("The token “{name}”", name=name)
    return _PROCESSES.get(actor, actor)


def by(actor: str) -> str:
    """Who did it, within a sentence or a table."""
    kind, _, name = actor.partition(":")
    if kind == "token" and name:
        return phrase("the token “{name}”", name=name)
    return _WITHIN.get(actor) or who(actor)
