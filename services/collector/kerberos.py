"""Why signing in with Kerberos failed, in Rollcall's words: ldap3 lets the library's own error through, or hides it.

Called by ``connection``. The library is optional, so that its errors are known by where they come from.
"""

from collections.abc import Iterator

from services.collector.address import Address
from shared.errors import (
    AccountNotUsable,
    BadCredentials,
    ConfigurationError,
    DirectoryUnavailable,
    RollcallError,
)
from shared.language import declared, phrase

# By words of MIT Kerberos and Heimdal (krb5_err.et), in capitals as they come.
_RULES: tuple[tuple[tuple[str, ...], type[RollcallError], str], ...] = (
    (
        ("Server not found in Kerberos database", "Server krbtgt", "S_PRINCIPAL_UNKNOWN"),
        ConfigurationError,
        declared(
            "the domain has no service ldap/{name}. Enter the controller's full name in "
            "directory.servers."
        ),
    ),
    (
        ("Clock skew", "Ticket not yet valid"),
        ConfigurationError,
        declared(
            "the clocks of Rollcall's host and of the controller differ by more than five minutes. Set "
            "them by NTP."
        ),
    ),
    (
        ("Cannot find KDC", "Cannot contact any KDC", "unable to reach any KDC", "Cannot resolve"),
        DirectoryUnavailable,
        declared(
            "no Kerberos server (KDC, port 88) of the domain could be reached. Check /etc/krb5.conf, DNS "
            "and the firewall."
        ),
    ),
    (
        ("Preauthentication failed", "Password incorrect", "Decrypt integrity check failed"),
        BadCredentials,
        declared("the keytab does not match the account's password. Create a new keytab."),
    ),
    (
        ("not found in Kerberos database",),
        BadCredentials,
        declared("the domain has no account with the name in the keytab. Create a new keytab."),
    ),
    (
        ("credentials have been revoked", "CLIENT_REVOKED"),
        AccountNotUsable,
        declared("the account is disabled, locked or expired. Check it in Active Directory."),
    ),
    (
        ("Password has expired", "KEY_EXPIRED"),
        AccountNotUsable,
        declared("the password of the account has expired. Set a new one."),
    ),
    (
        ("encryption type", "etype"),
        ConfigurationError,
        declared(
            "the controller accepts none of the keytab's encryption types (for example RC4 where AES is "
"required). Create a keytab with AES keys."
        ),
    ),
    (
        ("No Kerberos credentials available", "No credentials", "keytab", "credentials cache", "credential cache"),
        ConfigurationError,
        declared(
            "Rollcall's process has no Kerberos ticket and no keytab. Set KRB5_CLIENT_KTNAME to a keytab "
            "which its user may read."
        ),
    ),
)  # fmt: skip


def failure_of(error: BaseException, address: Address, name: str) -> RollcallError | None:
    """What an error raised while signing in means; ``None`` when Kerberos has nothing to do with it.

    ``name`` is the host name that a ticket was asked for.
    """
    found = next((item for item in _chain(error) if type(item).__module__.split(".")[0] == "gssapi"), None)
    if found is None:
        return None
    detail = " ".join(str(found).split())[:300]
    for words, kind, sentence in _RULES:
        if any(word.lower() in detail.lower() for word in words):
            return kind(
                phrase(
                    "Domain controller {address}: Kerberos: {sentence}",
                    address=address,
                    sentence=sentence.format(name=name),
                ),
                server=str(address),
            )
    return ConfigurationError(
        phrase(
            "Domain controller {address}: Kerberos failed: {detail}. Check the keytab and /etc/krb5.conf.",
            address=address,
            detail=detail,
        ),
        server=str(address),
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it was raised from or while handling."""
    seen: set[int] = set()
    item: BaseException | None = error
    while item is not None and id(item) not in seen:
        seen.add(id(item))
        yield item
        item = item.__cause__ or item.__context__
