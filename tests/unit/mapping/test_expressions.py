"""What expressions give, and what is said of those that cannot be used."""

import pytest

from shared.mapping.compiling import Value
from shared.mapping.errors import MappingError
from shared.mapping.mapping import compile_mapping

VALUES: dict[str, Value] = {
    "telephonenumber": "+49 30 123 204",
    "ipphone": "204",
    "mobile": "0171 1234567",
    "co": "DE",
    "department": "it",
    "company": "Example",
    "givenname": "JEAN-PIERRE",
    "sn": "O'NEIL",
    "othertelephone": ("300", "301"),
    "proxyaddresses": ("SMTP:ada@corp.example", "sip:ada@corp.example", "smtp:a@corp.example"),
    "msds-cloudextensionattribute1": "x7",
}


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("ipPhone", "204"),
        ("IPPHONE", "204"),
        ("  ipPhone  ", "204"),
        ("pager", ""),
        ("otherTelephone", ("300", "301")),
        ("msDS-cloudExtensionAttribute1", "x7"),
        ("upper(msDS-cloudExtensionAttribute1)", "X7"),
        ("first(pager, ipPhone, telephoneNumber)", "204"),
        ("first(otherTelephone)", "300"),
        ("first(pager)", ""),
        ("last(telephoneNumber, 3)", "204"),
        ("last(ipPhone, 9)", "204"),
        ("last(pager, 3)", ""),
        ("telephoneNumber.last(3)", "204"),
        ("last(otherTelephone, 2)", ("00", "01")),
        ("digits(telephoneNumber)", "4930123204"),
        ("lower(givenName)", "jean-pierre"),
        ("title(givenName)", "Jean-Pierre"),
        ("title(sn)", "O'Neil"),
        ('title("it\'s late")', "It's Late"),
        ('trim("  a ")', "a"),
        ('replace(telephoneNumber, " ", "")', "+4930123204"),
        ('replace(otherTelephone, "3", "4")', ("400", "401")),
        ('replace(ipPhone, pager, "x")', "204"),
        ('e164(mobile, "DE")', "+491711234567"),
        ('e164(mobile, "de")', "+491711234567"),
        ("e164(mobile, co)", "+491711234567"),
        ("e164(mobile, company)", "0171 1234567"),
        ('e164("204", "DE")', "204"),
        ('e164("reception", "DE")', "reception"),
        ('table(department, {"IT": "Support"})', "Support"),
        ('table(company, {"IT": "Support"})', "Example"),
        ('table(company, {"IT": "Support"}, "")', ""),
        ('table(otherTelephone, {"300": "500"})', ("301", "500")),
        ('table(otherTelephone, {"300": "500", "301": "500"})', "500"),
        ("primary(proxyAddresses)", "ada@corp.example"),
        ('co == "DE" ? "a" : "b"', "a"),
        ('co != "DE" ? "a" : "b"', "b"),
        ('co == "AT" ? "a" : co == "DE" ? "b" : "c"', "b"),
        ('ipPhone < "300" ? "low" : "high"', "low"),
        ('pager == "" ? "none" : pager', "none"),
        ('co == "DE" && ipPhone != "" || false ? "a" : "b"', "a"),
        ('!(co == "DE") ? "a" : "b"', "b"),
        ('co in ["AT", "DE"] ? "a" : "b"', "a"),
        ('"301" in otherTelephone ? "a" : "b"', "a"),
        ('"204" in ipPhone ? "a" : "b"', "a"),
        ('"x" in pager ? "a" : "b"', "b"),
        ('startsWith(telephoneNumber, "+49") ? "a" : "b"', "a"),
        ('endsWith(telephoneNumber, "205") ? "a" : "b"', "b"),
        ('otherTelephone.contains("01") ? "a" : "b"', "a"),
        ('department + " " + company', "it Example"),
        ('company + " " + pager', "Example"),
        ("[company, department]", ("Example", "it")),
        ("[pager]", ""),
        (r'"a\u0062\"\\"', 'ab"\\'),
        ("'single'", "single"),
    ],
)
def test_an_expression_gives_what_it_says(typed: str, given: object) -> None:
    assert compile_mapping(typed).value(VALUES) == given


@pytest.mark.parametrize(
    ("typed", "said", "at"),
    [
        ("", "Enter the name of an attribute or an expression", 0),
        ("lst(ipPhone, 2)", "There is no function 'lst'. Did you mean 'last'?", 0),
        ("last(ipPhone)", "last takes 2 values, not 1: last(text, n).", 0),
        ('last(ipPhone, "3")', "The second value of last(text, n) is a number, but this is a text.", 14),
        ("last(ipPhone, 0)", "last takes 1 to", 14),
        ("lower(3)", "The first value of lower(text) is a text, but this is a number.", 6),
        ("ipPhone == 204 ? co : sn", "Put it in quotes", 11),
        ("ipPhone ? co : sn", "'?' needs a comparison before it", 0),
        ("co == sn ? co : 3", "Both values must be of one kind", 16),
        ("ipPhone == co", "this is true or false", 8),
        ("co && sn ? co : sn", "'&&' needs comparisons on both sides", 0),
        ('co == "a" == "b" ? co : sn', "Compare two values at a time", 10),
        ('table(co, "a")', "is a table, but this is a text", 10),
        ('table(co, {"a": "b", "A": "c"})', "two entries for 'A'", 21),
        ("table(co, {co: sn})", "texts in quotes only", 11),
        ('e164(mobile, "XX")', "'XX' is not the code of a country", 13),
        ('replace(co, "", "x")', "An empty text cannot be replaced", 12),
        ("first(ipPhone, telephoneNumber", "is not closed", 5),
        ('"abc', "This text is not closed", 0),
        ("co = sn ? co : sn", "Compare with '=='.", 3),
        ("co == “DE” ? co : sn", "Use plain quotation marks", 6),
        ("co ++ sn", "A value is missing before '+'", 4),
        ("co sn", "Unexpected 'sn'", 3),
        ("co +", "a value is missing", 4),
        ("co.name", "'.' needs a function after it", 3),
        ("my_attribute", "letters, digits and hyphens", 2),
        ("1st", "An attribute's name begins with a letter", 0),
        ("204", "must give a text, and this is a number", 0),
        ("upper(null)", "There is no null", 6),
        (r'"a\q"', "has no meaning in a text", 2),
        ("matches(mobile, '(a+)+$')", "There is no function 'matches'", 0),
        ("[co].map(x, x)", "There is no function 'map'", 5),
        ("a" * 65, "at most 64 characters", 64),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place(typed: str, said: str, at: int) -> None:
    with pytest.raises(MappingError) as refused:
        compile_mapping(typed)
    assert said in refused.value.sentence
    assert refused.value.at == at
    assert str(refused.value) == f"{refused.value.sentence}\n{typed}\n{' ' * at}^"


def test_of_a_long_expression_the_part_with_the_place_is_shown() -> None:
    with pytest.raises(MappingError) as refused:
        compile_mapping(f"first({', '.join(['ipPhone'] * 40)}, lst(co), {', '.join(['mobile'] * 40)})")
    _, line, caret = str(refused.value).split("\n")
    assert len(line) <= 82
    assert (line[0], line[-1], line[caret.index("^") :][:3]) == ("…", "…", "lst")


def test_of_several_lines_the_one_with_the_place_is_shown() -> None:
    with pytest.raises(MappingError) as refused:
        compile_mapping('co == "DE"\n  ? lst(co)\n  : sn')
    assert str(refused.value).endswith("\n  ? lst(co)\n    ^")


@pytest.mark.parametrize(
    ("typed", "at"),
    [
        ('otherTelephone + "x"', 0),
        ('co + (otherTelephone == "300" ? "a" : "b")', 6),
        ("replace(ipPhone, otherTelephone, co)", 17),
    ],
)
def test_several_values_where_one_is_needed_are_an_error_for_the_person_only(typed: str, at: int) -> None:
    mapping = compile_mapping(typed)
    with pytest.raises(MappingError, match="There are 2 values here") as refused:
        mapping.value(VALUES)
    assert refused.value.at == at
    assert mapping.value(VALUES | {"othertelephone": "300"}) != ""


@pytest.mark.parametrize(
    "name", ["ipPhone", "true", "first", "null", "in", "msDS-cloudExtensionAttribute1", "a--", "X-"]
)
def test_a_text_of_letters_digits_and_hyphens_is_the_name_of_an_attribute(name: str) -> None:
    mapping = compile_mapping(name)
    assert (mapping.attributes, mapping.is_expression) == ((name,), False)
    assert mapping.value({name.lower(): "value"}) == "value"


def test_the_attributes_of_an_expression_are_named_once_as_they_are_written() -> None:
    mapping = compile_mapping('co == "DE" ? first(ipPhone, IPPHONE) : table(department, {"a": "b"})')
    assert sorted(mapping.attributes, key=str.lower) == ["co", "department", "ipPhone"]


@pytest.mark.parametrize(
    ("typed", "digits_of"),
    [
        ("telephoneNumber", {"telephonenumber"}),
        ("last(digits(telephoneNumber), 3)", {"telephonenumber"}),
        ("first(ipPhone, pager)", {"ipphone", "pager"}),
        ('co == "DE" ? ipPhone : ""', {"ipphone"}),
        ('replace(ipPhone, "+49", "x")', {"ipphone"}),
        ('"x" + ipPhone', {"ipphone"}),
        ('table(ipPhone, {"1": "none"})', {"ipphone"}),
        ('table(ipPhone, {"1": "none"}, "")', {"ipphone"}),
        # Digits that no attribute has.
        ('replace(ipPhone, "x", "1")', None),
        ("replace(ipPhone, co, pager)", None),
        ('"1" + ipPhone', None),
        ("ipPhone + pager", None),
        ('e164(mobile, "DE")', None),
        ('table(co, {"DE": "100"})', None),
        ('table(co, {"DE": "x"}, ipPhone)', None),
        ('co == "DE" ? ipPhone : "100"', None),
    ],
)
def test_it_is_known_which_attribute_holds_the_digits_of_a_number(
    typed: str, digits_of: set[str] | None
) -> None:
    found = compile_mapping(typed).digits_of
    assert (None if found is None else set(found)) == digits_of
