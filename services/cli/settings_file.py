"""Settings as a YAML file: written for a person to edit, read strictly (no key twice, no surprises)."""

from collections.abc import Hashable, Mapping
from typing import Any

import yaml

from shared.errors import SettingsInvalid
from shared.settings.candidate import secret_fields
from shared.settings.documents import SECTION_MODELS, Section

_HEAD = """\
# Settings of the site '{site}', as written by `rollcall settings export`.
# Edit, then `rollcall settings apply FILE.yaml`. Sections that are missing stay as they are; a section that is
# here is replaced as a whole. Secrets are never exported and stay as stored unless the file gives them:
{secrets}# `rollcall settings secret NAME` asks for one without showing it.
"""


class _StrictLoader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """Refuses a key that stands twice in one mapping, where YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping of a node.

        :raises yaml.constructor.ConstructorError: a key stands twice.
        """
        seen: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"'{key.value}' appears twice", key.start_mark
                    )
                seen.add(key.value)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made


def parse(text: str, name: str) -> Mapping[str, Any]:
    """The sections of a settings file called ``name``.

    :raises SettingsInvalid: it is not YAML, or not sections by name; says the line.
    """
    try:
        document = yaml.load(text, _StrictLoader)  # noqa: S506  (a safe loader, made stricter)
    except yaml.YAMLError as error:
        raise SettingsInvalid(f"{name} is not readable YAML: {_where(error)}. Nothing was saved.") from error
    if document is None:
        raise SettingsInvalid(f"{name} is empty. `rollcall settings export` writes a file to start from.")
    if not isinstance(document, dict) or not all(isinstance(section, str) for section in document):
        raise SettingsInvalid(
            f"{name} must hold sections by name ({', '.join(Section)}), each with its settings indented "
            "below. "
            "Nothing was saved."
        )
    return document


def render(site: str, sections: Mapping[str, Any]) -> str:
    """A settings file."""
    names = [f"{section.value}.{name}" for section in SECTION_MODELS for name in secret_fields(section)]
    others = (sections.get(Section.DIRECTORIES.value) or {}).get("others", ())
    names += [f"directories.{other['name']}.password" for other in others]
    secrets = "".join(f"#   {name}\n" for name in names)
    body: str = yaml.safe_dump(dict(sections), sort_keys=False, allow_unicode=True, width=110)
    return _HEAD.format(site=site, secrets=secrets) + body


def _where(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        problem = error.problem or "it cannot be understood"
        mark = error.problem_mark or error.context_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem
    # A character that YAML forbids; the rest of the text could hold a password and is not repeated.
    return "it holds a character that YAML does not allow"
