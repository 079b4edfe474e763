"""What each operation of the API needs: which role, and whether a token of one site is enough. Pure.

Kept in one place, by the name of the operation, so that no route can be forgotten: what is not named here needs a
manager's token for all sites, and a test fails until it is named.
"""

from collections.abc import Mapping

from shared.database.tables import AccountRole
from shared.settings.documents import Section

_VIEWER = (
    "listSites", "readSettings", "readSection", "listExtensions", "listRuns", "readRun", "readPlan", "readFindings",
    "readProgress", "followRun", "readLog", "exportLog", "explainPerson", "readAudit", "exportAudit", "verifyAudit", "diagnose",
    "readMetrics", "listControllers", "listOwedSteps", "listGraces",
    "compareWithTemplates", "listPeople", "readPerson", "listNotifications",
)  # fmt: skip
_OPERATOR = (
    "startRun", "approveRun", "rejectRun", "cancelRun", "undoRun", "applyRunNow", "holdSite", "releaseSite", "diagnoseSite", "releaseBinding", "setBinding",
    "giveUpOwedSteps", "retryOwedSteps", "extendGrace", "keepGrace", "resumeGrace",
    "sendWelcomeMessages", "writeTemplatesAgain", "retryNotification", "discardNotification",
)  # fmt: skip
_MANAGER = (
    "createSite", "removeSite", "applySettings", "replaceSection", "clearLog", "listTokens", "createToken", "revokeToken",
    "pairRelay", "forgetController",
    # They send the stored password to whatever address is asked for.
    "testDirectory", "browseUnits", "listAttributes", "tryMapping", "testPhoneSystem", "testRelay", "testDatabase",
    "testNotifications",
)  # fmt: skip
ROLES: Mapping[str, AccountRole] = {
    **dict.fromkeys(_VIEWER, AccountRole.VIEWER),
    **dict.fromkeys(_OPERATOR, AccountRole.OPERATOR),
    **dict.fromkeys(_MANAGER, AccountRole.MANAGER),
}
# They show or change what belongs to all sites.
OF_ALL_SITES = frozenset(
    {
        "listSites", "createSite", "removeSite", "listTokens", "createToken", "revokeToken", "readAudit", "exportAudit",
        "verifyAudit", "diagnose", "readMetrics", "testDatabase",
    }
)  # fmt: skip
# Sections of the default site that count for all: who may sign in, say, is not for a token of one site to decide.
SECTIONS_OF_ALL_SITES = frozenset(
    {
        Section.SIGN_IN.value,
        Section.DIRECTORY_GROUPS.value,
        Section.SINGLE_SIGN_ON.value,
        Section.SECOND_FACTOR.value,
        Section.BRANDING.value,
    }
)


def role_needed(operation: str) -> AccountRole:
    """The least role that may do it."""
    return ROLES.get(operation, AccountRole.MANAGER)


def is_of_all_sites(operation: str) -> bool:
    """Whether a token of one site is not enough."""
    return operation in OF_ALL_SITES or operation not in ROLES
