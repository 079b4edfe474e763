"""The one table that turns ldap3's exceptions (and the sub-codes of Active Directory) into Rollcall's errors.

Called by ``connection`` and ``reader``. A test lists ldap3's exception classes and fails on one that is not here.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ldap3.core import exceptions as ldap

from shared.errors import (
    AccountNotUsable,
    BadCredentials,
    ConfigurationError,
    DirectoryUnavailable,
    EncryptionRequired,
    IncompleteSnapshot,
    InsufficientRights,
    RollcallError,
    SettingsInvalid,
    UnknownAttribute,
    UnknownBaseDn,
)
from shared.language import declared, phrase

_Rule = tuple[type[RollcallError], str]

# "... AcceptSecurityContext error, data 52e, v1db1": Microsoft, "LDAP error codes for failed binds".
_SUB_CODE = re.compile(r"\bdata ([0-9a-f]+)\b", re.IGNORECASE)
_SUB_CODES: dict[str, _Rule] = {
    "525": (BadCredentials, declared("there is no user {user}. Check directory.user.")),
    "52e": (
        BadCredentials,
        declared(
            "the user name or the password of {user} is wrong. Check both; write the user as name@domain."
        ),
    ),
    "530": (
        AccountNotUsable,
        declared("{user} may not sign in at this time. Allow all hours in its account settings."),
    ),
    "531": (
        AccountNotUsable,
        declared("{user} may not sign in from this computer. Change 'Log On To' in its account settings."),
    ),
    "532": (
        AccountNotUsable,
        declared("the password of {user} has expired. Set a new one that does not expire."),
    ),
    # ERROR_ACCOUNT_RESTRICTION, which members of Protected Users get for anything but Kerberos.
    "52f": (
        AccountNotUsable,
        declared(
            "{user} may not use this authentication method: it is in Protected Users, or an "
            "authentication policy forbids it. Use an account that is not, or directory.authentication "
            "'kerberos'."
        ),
    ),
    "533": (AccountNotUsable, declared("the account {user} is disabled. Enable it in Active Directory.")),
    "701": (
        AccountNotUsable,
        declared("the account {user} has expired. Change its expiry date in Active Directory."),
    ),
    "773": (
        AccountNotUsable,
        declared("{user} must change the password at the next logon. Set one without that."),
    ),
    # STATUS_NTLM_BLOCKED: "Network security: Restrict NTLM", and Samba's "ntlm auth = disabled".
    "418": (
        ConfigurationError,
        declared(
            "NTLM is disabled there. Choose directory.authentication 'simple' (over ldaps or starttls) "
            "or 'kerberos'."
        ),
    ),
    # ERROR_LOGON_TYPE_NOT_GRANTED.
    "569": (
        AccountNotUsable,
        declared(
            "{user} may not sign in over the network. Remove it from the policy 'Deny access to this "
            "computer from the network' of the domain controllers."
        ),
    ),
    # SEC_E_BAD_BINDINGS: "Domain controller: LDAP server channel binding token requirements" is set to Always.
    "80090346": (
        ConfigurationError,
        declared(
            "it requires channel binding, and something between the controller and Rollcall decrypts the "
            "TLS connection. Connect to the controller itself, or choose directory.authentication "
            "'simple'."
        ),
    ),
    "775": (
        AccountNotUsable,
        declared("the account {user} is locked. Unlock it, then check the password saved here."),
    ),
}
# "0000202B: RefErr: DSID-..., data 0, 1 access points ref 1: 'emea.corp.example'" (MS-ADTS 3.1.1.4.6).
_REFERRED_TO = re.compile(r"\bref \d+: '([^']+)'")
_REFUSED: _Rule = (
    BadCredentials,
    declared("the credentials of {user} were refused. Check directory.user and password."),
)

_UNAVAILABLE: _Rule = (
    DirectoryUnavailable,
    declared("it could not answer the request: {detail}. Rollcall tries again later."),
)
_BROKEN: _Rule = (
    DirectoryUnavailable,
    declared("the connection failed: {detail}. Check the network and the controller."),
)
_NOBODY_LISTENS: _Rule = (
    DirectoryUnavailable,
    declared(
        "the connection was refused. Check the port (636 for ldaps, 389 for starttls) and whether "
        "the controller runs."
    ),
)
_OLD_TLS: _Rule = (
    ConfigurationError,
    declared(
        "it offers no TLS 1.2 or newer, which Rollcall requires. Enable TLS 1.2 on the controller, "
        "or use another one."
    ),
)
_NO_HANDSHAKE: _Rule = (
    DirectoryUnavailable,
    declared(
        "it closed the connection during the TLS handshake. Either it has no certificate, or it "
        "offers no TLS 1.2 or newer, which Rollcall requires. Its event log says which."
    ),
)
_NO_ANSWER: _Rule = (
    DirectoryUnavailable,
    declared("it does not answer (timed out). Check the address, and that firewalls allow this port."),
)
_SETTINGS: _Rule = (
    SettingsInvalid,
    declared("the request does not fit: {detail}. Check the directory settings."),
)
_RIGHTS: _Rule = (
    InsufficientRights,
    declared("{user} may not read there: {detail}. Give it read access."),
)
_PROTECT: _Rule = (
    EncryptionRequired,
    declared(
        "it accepts passwords only over an encrypted connection. Set directory.security to ldaps or starttls."
    ),
)
_NOT_COMPLETE: _Rule = (
    IncompleteSnapshot,
    declared(
        "it stopped at its own limit ({detail}). Lower directory.page_size, or raise the limit of "
        "the account."
    ),
)
_NO_BASE: _Rule = (UnknownBaseDn, declared("it has no such entry ({detail}). Check the distinguished name."))
_METHOD: _Rule = (
    ConfigurationError,
    declared(
        "this authentication method is not possible: {detail}. Choose another directory.authentication."
    ),
)

# Looked up along the class's bases, nearest first: a line stands for every class derived from it.
RULES: dict[type[BaseException], _Rule] = {
    ldap.LDAPInvalidCredentialsResult: _REFUSED,
    ldap.LDAPInappropriateAuthenticationResult: _REFUSED,
    ldap.LDAPUserNameIsMandatoryError: (BadCredentials, declared("no user is given. Set directory.user.")),
    ldap.LDAPUserNameNotAllowedError: _REFUSED,
    ldap.LDAPPasswordIsMandatoryError: (
        BadCredentials,
        declared("no password is given. Set directory.password."),
    ),
    ldap.LDAPSASLPrepError: (
        BadCredentials,
        declared("the password contains characters that LDAP does not allow."),
    ),
    ldap.LDAPBindError: _REFUSED,
    ldap.LDAPStrongerAuthRequiredResult: _PROTECT,
    ldap.LDAPConfidentialityRequiredResult: _PROTECT,
    ldap.LDAPInsufficientAccessRightsResult: _RIGHTS,
    ldap.LDAPAuthorizationDeniedResult: _RIGHTS,
    ldap.LDAPNoSuchObjectResult: _NO_BASE,
    ldap.LDAPReferralResult: (
        UnknownBaseDn,
        declared(
            "the entry is in another domain ({detail}). Add that domain in Settings > Active Directory."
        ),
    ),
    ldap.LDAPReferralError: _NO_BASE,
    ldap.LDAPInvalidDNSyntaxResult: (
        UnknownBaseDn,
        declared("the distinguished name is not valid ({detail})."),
    ),
    ldap.LDAPInvalidDnError: (UnknownBaseDn, declared("the distinguished name is not valid ({detail}).")),
    ldap.LDAPNamingViolationResult: _NO_BASE,
    ldap.LDAPInvalidFilterError: (
        SettingsInvalid,
        declared("directory.filter is not a valid LDAP filter: {detail}."),
    ),
    ldap.LDAPInappropriateMatchingResult: (
        SettingsInvalid,
        declared("directory.filter cannot be used: {detail}."),
    ),
    ldap.LDAPNoSuchAttributeResult: (UnknownAttribute, declared("an attribute does not exist: {detail}.")),
    ldap.LDAPUndefinedAttributeTypeResult: (
        UnknownAttribute,
        declared("an attribute does not exist: {detail}."),
    ),
    ldap.LDAPAttributeError: (UnknownAttribute, declared("an attribute does not exist: {detail}.")),
    ldap.LDAPSizeLimitExceededResult: _NOT_COMPLETE,
    ldap.LDAPAdminLimitExceededResult: _NOT_COMPLETE,
    ldap.LDAPAuthMethodNotSupportedResult: _METHOD,
    ldap.LDAPSASLMechanismNotSupportedError: _METHOD,
    ldap.LDAPUnknownAuthenticationMethodError: _METHOD,
    ldap.LDAPPackageUnavailableError: (
        ConfigurationError,
        declared("Kerberos needs the package gssapi. Install Rollcall with the extra 'kerberos'."),
    ),
    ldap.LDAPSSLNotSupportedError: (ConfigurationError, declared("this Python has no TLS support.")),
    ldap.LDAPOperationsErrorResult: _UNAVAILABLE,
    ldap.LDAPProtocolErrorResult: _UNAVAILABLE,
    ldap.LDAPTimeLimitExceededResult: _UNAVAILABLE,
    ldap.LDAPUnavailableCriticalExtensionResult: _UNAVAILABLE,
    ldap.LDAPSASLBindInProgressResult: _UNAVAILABLE,
    ldap.LDAPConstraintViolationResult: _SETTINGS,
    ldap.LDAPAttributeOrValueExistsResult: _SETTINGS,
    ldap.LDAPInvalidAttributeSyntaxResult: _SETTINGS,
    ldap.LDAPAliasProblemResult: _NO_BASE,
    ldap.LDAPAliasDereferencingProblemResult: _NO_BASE,
    ldap.LDAPBusyResult: _UNAVAILABLE,
    ldap.LDAPUnavailableResult: _UNAVAILABLE,
    ldap.LDAPUnwillingToPerformResult: _UNAVAILABLE,
    ldap.LDAPLoopDetectedResult: _UNAVAILABLE,
    ldap.LDAPObjectClassViolationResult: _SETTINGS,
    ldap.LDAPNotAllowedOnNotLeafResult: _SETTINGS,
    ldap.LDAPNotAllowedOnRDNResult: _SETTINGS,
    ldap.LDAPEntryAlreadyExistsResult: _SETTINGS,
    ldap.LDAPObjectClassModsProhibitedResult: _SETTINGS,
    ldap.LDAPAffectMultipleDSASResult: _UNAVAILABLE,
    ldap.LDAPOtherResult: _UNAVAILABLE,
    ldap.LDAPLCUPResourcesExhaustedResult: _UNAVAILABLE,
    ldap.LDAPLCUPSecurityViolationResult: _RIGHTS,
    ldap.LDAPLCUPInvalidDataResult: _UNAVAILABLE,
    ldap.LDAPLCUPUnsupportedSchemeResult: _UNAVAILABLE,
    ldap.LDAPLCUPReloadRequiredResult: _UNAVAILABLE,
    ldap.LDAPCanceledResult: _UNAVAILABLE,
    ldap.LDAPNoSuchOperationResult: _UNAVAILABLE,
    ldap.LDAPTooLateResult: _UNAVAILABLE,
    ldap.LDAPCannotCancelResult: _UNAVAILABLE,
    ldap.LDAPAssertionFailedResult: _UNAVAILABLE,
    ldap.LDAPESyncRefreshRequiredResult: _UNAVAILABLE,
    ldap.LDAPCommunicationError: _BROKEN,
    ldap.LDAPSocketOpenError: _BROKEN,
    ldap.LDAPSocketCloseError: _BROKEN,
    ldap.LDAPSocketReceiveError: _BROKEN,
    ldap.LDAPSocketSendError: _BROKEN,
    ldap.LDAPSessionTerminatedByServerError: _BROKEN,
    ldap.LDAPUnknownResponseError: _BROKEN,
    ldap.LDAPUnknownRequestError: _BROKEN,
    ldap.LDAPStartTLSError: (
        DirectoryUnavailable,
        declared("it does not offer StartTLS: {detail}. Give the controller a certificate, or use ldaps."),
    ),
    ldap.LDAPResponseTimeoutError: _BROKEN,
    ldap.LDAPSignatureVerificationFailedError: _BROKEN,
    ldap.LDAPMaximumRetriesError: _BROKEN,
    ldap.LDAPServerPoolError: _BROKEN,
    ldap.LDAPServerPoolExhaustedError: _BROKEN,
    ldap.LDAPConnectionPoolNameIsMandatoryError: _BROKEN,
    ldap.LDAPConnectionPoolNotStartedError: _BROKEN,
    ldap.LDAPCertificateError: _BROKEN,
    ldap.LDAPSASLBindInProgressError: _UNAVAILABLE,
    ldap.LDAPInfoError: _UNAVAILABLE,
    ldap.LDAPSchemaError: _UNAVAILABLE,
    ldap.LDAPTransactionError: _UNAVAILABLE,
    ldap.LDAPControlError: _UNAVAILABLE,
    ldap.LDAPExtensionError: _UNAVAILABLE,
    ldap.LDAPMetricsError: _UNAVAILABLE,
    ldap.LDAPInvalidServerError: _SETTINGS,
    ldap.LDAPInvalidPortError: _SETTINGS,
    ldap.LDAPInvalidTlsSpecificationError: _SETTINGS,
    ldap.LDAPInvalidHashAlgorithmError: _METHOD,
    ldap.LDAPInvalidScopeError: _SETTINGS,
    ldap.LDAPInvalidDereferenceAliasesError: _SETTINGS,
    ldap.LDAPInvalidValueError: _SETTINGS,
    ldap.LDAPConfigurationError: _SETTINGS,
    ldap.LDAPUnknownStrategyError: _SETTINGS,
    ldap.LDAPSSLConfigurationError: _SETTINGS,
    ldap.LDAPDefinitionError: _SETTINGS,
    ldap.LDAPConfigurationParameterError: _SETTINGS,
    ldap.LDAPKeyError: _SETTINGS,
    ldap.LDAPObjectError: _SETTINGS,
    ldap.LDAPCursorError: _SETTINGS,
    ldap.LDAPCursorAttributeError: _SETTINGS,
    ldap.LDAPObjectDereferenceError: _SETTINGS,
    ldap.LDAPConnectionIsReadOnlyError: _SETTINGS,
    ldap.LDAPChangeError: _SETTINGS,
    ldap.LDAPLDIFError: _SETTINGS,
    ldap.LDAPObjectClassError: _SETTINGS,
    OSError: _BROKEN,
}
_DETAIL_CHARACTERS = 200
# Of OpenSSL: what the controller chose is too old for us; what we offer is too new for it.
_WORDS_OF_OLD_TLS = (
    declared("unsupported protocol"),
    declared("alert protocol version"),
    "UNSUPPORTED_PROTOCOL",
)
# Samba hangs up without a word.
_WORDS_OF_NO_HANDSHAKE = ("EOF occurred in violation of protocol", "UNEXPECTED_EOF")


def translate(error: BaseException, server: str, user: str) -> RollcallError:
    """The error of Rollcall for an exception that ldap3 or the socket raised while talking to a server."""
    detail = _detail(error)
    kind, sentence = _rule(error, detail)
    text = sentence.format(detail=detail, user=user or declared("the account"))
    details: dict[str, str | int] = {}
    if isinstance(error, ldap.LDAPOperationResult):
        # That it answered, and with which code of RFC 4511 section 4.1.9.
        details["result"] = error.result
    if kind is AccountNotUsable and (found := _SUB_CODE.search(detail)):
        details["sub_code"] = found[1].lower()
    if isinstance(error, ldap.LDAPReferralResult) and (found := _REFERRED_TO.search(detail)):
        domain = details["domain"] = found[1].lower()
        text = phrase(
            "the entry is in the domain {domain}. Add the domain {domain} in Settings > Active Directory.",
            domain=domain,
        )
    return kind(
        phrase("Domain controller {server}: {what}", server=server, what=text), server=server, **details
    )


@contextmanager
def translated(server: str, user: str) -> Iterator[None]:
    """Translate what the block raises.

    :raises RollcallError: in place of any exception of ldap3 or of the socket.
    """
    try:
        yield
    except (ldap.LDAPException, OSError) as error:
        raise translate(error, server, user) from error


def failure_of(code: int, matched_dn: str, message: str) -> ldap.LDAPOperationResult:
    """The exception ldap3 has for a result code other than success."""
    description = phrase("result {code}", code=code)
    if code not in ldap.exception_table:
        return ldap.LDAPOtherResult(code, description, matched_dn, message)
    return ldap.LDAPOperationResult(code, description, matched_dn, message)


def _rule(error: BaseException, detail: str) -> _Rule:
    if isinstance(error, ldap.LDAPInvalidCredentialsResult):
        found = _SUB_CODE.search(detail)
        return _SUB_CODES.get(found[1].lower(), _REFUSED) if found else _REFUSED
    if isinstance(error, ldap.LDAPOperationsErrorResult) and "uthentication" in detail:
        return _REFUSED
    if isinstance(error, ldap.LDAPSocketOpenError):
        # The operating system's words are all that ldap3 keeps of its error.
        if "refused" in detail:
            return _NOBODY_LISTENS
        if "timed out" in detail:
            return _NO_ANSWER
    if isinstance(error, ldap.LDAPSocketOpenError | ldap.LDAPStartTLSError):
        if any(words in detail for words in _WORDS_OF_OLD_TLS):
            return _OLD_TLS
        if any(words in detail for words in _WORDS_OF_NO_HANDSHAKE):
            return _NO_HANDSHAKE
    for kind in type(error).__mro__:
        if kind in RULES:
            return RULES[kind]
    return _UNAVAILABLE


def _detail(error: BaseException) -> str:
    if isinstance(error, ldap.LDAPOperationResult):
        text = phrase(
            "{message} {description}", message=error.message or "", description=error.description or ""
        )
    else:
        text = str(error)
    return " ".join(text.replace("\0", " ").split())[:_DETAIL_CHARACTERS] or type(error).__name__
