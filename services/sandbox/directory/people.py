"""Invents people: names from several countries, logins, mail addresses, and the many ways offices write a number."""

import itertools
import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from services.sandbox.directory import names
from services.sandbox.directory.directory import Directory
from services.sandbox.directory.entry import Values

_GIVEN = (
    "Ada Adrian Agnieszka Aiko Alan Alice Amara Anders André Anna Arjun Beatriz Ben Björn Carla Carlos Chen Chloé"
    " Clara Daniel David Deepa Diego Elena Emil Émilie Erik Esther Fatima Felix Fiona François Gabriel Grace Hana"
    " Hannah Hans Ines Ingrid Ivan Jack Jana João José Julia Jürgen Karin Kemal Laura Léa Liam Linh Lucía Magnus"
    " Maja Marta Mateo Mei Mina Nadia Niamh Noah Nora Olga Oliver Omar Paul Pedro Priya Rafał Renée Ruth Samuel"
    " Saoirse Sara Siobhán Sofia Sören Tariq Thandi Tomás Ursula Vera Víctor Wei Yara Yusuf Zoë"
)
_FAMILY = (
    "Abebe Adams Ahmed Åkesson Almeida Andersson Baker Becker Bianchi Björklund Brown Castro Chen Cohen Costa D'Angelo"
    " Davies Dubois Dvořák Edwards Eriksen Fernández Fischer García Gómez Grant Groß Gupta Haddad Hansen Hughes Ito"
    " Ivanova Jensen Johnson Jones Kaya Kim Kovács Kowalski Krüger Larsen Le Lefèvre Li López Løvgren Martin Mbeki"
    " Meier Mehta Moreau Morgan Müller Nakamura Nguyễn Nielsen Novák O'Brien O'Connor Okafor Olsen Park Patel Pereira"
    " Popescu Quinn Reid Rossi Sánchez Santos Schäfer Schmidt Silva Singh Smith Sørensen Strauß Suzuki Tanaka Taylor"
    " Thompson Torres Vargas Virtanen Wagner Walker Weber Wilson Wójcik Wright Yılmaz Young Zhang Zieliński"
)
_GIVEN_NAMES, _SURNAMES = _GIVEN.split(), _FAMILY.split()
_TITLES = {
    "Sales": ("Account Manager", "Sales Representative", "Sales Assistant"),
    "Support": ("Support Engineer", "Service Desk Agent", "Team Lead Support"),
    "Engineering": ("Engineer", "Senior Engineer", "Technician"),
    "Administration": ("Accountant", "HR Officer", "Office Manager"),
}
# Letters that have no decomposition into a plain letter and a mark.
_PLAIN = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "đ": "d", "æ": "ae"})


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Someone about to get an account."""

    given_name: str
    surname: str
    display_name: str
    common_name: str
    login: str
    mail: str
    mobile: str
    title: str


class People:
    """An endless, reproducible supply of people with logins that nobody in the directory has."""

    def __init__(self, directory: Directory, seed: int) -> None:
        # Not for secrets: the same seed must give the same people.
        self._random = random.Random(f"people {seed}")  # noqa: S311
        self._domain = directory.domain
        entries = directory.entries()
        self._logins = {login.casefold() for entry in entries if (login := entry.text("sAMAccountName"))}
        self._names = {name.casefold() for entry in entries if (name := entry.text("cn"))}
        self._mails = {mail.casefold() for entry in entries if (mail := entry.text("mail"))}

    def next(self, department: str) -> Newcomer:
        """The next person."""
        given, surname = self._random.choice(_GIVEN_NAMES), self._random.choice(_SURNAMES)
        # Some companies sort by surname, which puts a comma into the name of the entry.
        display = f"{surname}, {given}" if self._random.random() < 0.05 else f"{given} {surname}"
        return Newcomer(
            given,
            surname,
            display,
            self._free(self._names, _numbered(display, " ")),
            self._free(self._logins, _numbered(f"{plain(given)[:1]}{plain(surname)}"[:15])),
            self._free(self._mails, _numbered(f"{plain(given)}.{plain(surname)}"), f"@{self._domain}"),
            f"+1 801 555 {self._random.randrange(10_000):04}",
            self._random.choice(_TITLES.get(department, ("Employee",))),
        )

    @staticmethod
    def _free(taken: set[str], wanted: Iterator[str], suffix: str = "") -> str:
        """The first of the wanted names that nobody has, which is then taken."""
        name = next(name + suffix for name in wanted if (name + suffix).casefold() not in taken)
        taken.add(name.casefold())
        return name


def add_person(directory: Directory, unit: str, department: str, person: Newcomer, number: str | None) -> str:
    """Add the account of a person to a unit; its DN. ``number`` goes in exactly as it is written."""
    attributes: dict[str, Values] = {
        "objectClass": "user",
        "givenName": person.given_name,
        "sn": person.surname,
        "displayName": person.display_name,
        "sAMAccountName": person.login,
        "userPrincipalName": f"{person.login}@{directory.domain}",
        "mail": person.mail,
        "mobile": person.mobile,
        "telephoneNumber": number,
        "department": department,
        "title": person.title,
        "company": "Example Corporation",
    }
    return directory.add(names.child("CN", person.common_name, unit), attributes).dn


def written(number: int, chance: random.Random) -> str:
    """An extension number as one office or another writes it; most write it plainly."""
    forms = (f"{number}", f"+1 801 555 0123 x{number}", f"x{number}", f"{number} ")
    return chance.choices(forms, weights=(70, 12, 9, 9))[0]


def plain(name: str) -> str:
    """A name in the letters a to z, for logins and addresses."""
    decomposed = unicodedata.normalize("NFKD", name.translate(_PLAIN))
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalpha()).lower()


def _numbered(name: str, separator: str = "") -> Iterator[str]:
    yield name
    yield from (f"{name}{separator}{number}" for number in itertools.count(2))
