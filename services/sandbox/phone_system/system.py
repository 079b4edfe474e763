"""What the phone system tells about itself: licence, version, defaults, principals."""

from services.sandbox.phone_system import user_fields
from services.sandbox.phone_system.routing import Answer, Request, route
from services.sandbox.phone_system.store import Json

_LICENCE: Json = {
    "Activated": True,
    "LicenseActive": True,
    "LicenseKey": "SAND-BOXX-KEYS-ARES",
    "ProductCode": "3CXPSPROF",
    "MaxSimCalls": 64,
    "ExpirationDate": "2035-01-01T00:00:00Z",
    "MaintenanceExpiresAt": "2035-01-01T00:00:00Z",
}


@route("GET", "/Defs")
def defs(request: Request) -> Answer:
    return request.single("Defs", {"Id": 0}, "Defs")


@route("GET", "/Defs/Pbx.GetSystemParameters()")
def system_parameters(request: Request) -> Answer:
    length = len(str(request.system.options.first_number))
    found: Json = {
        "ENL": length,
        "ENLRange": {"From": length, "To": 5},
        "GlobalLanguage": "EN",
        "GlobalACPRMSET": user_fields.DEFAULTS["PromptSet"],
        "FQDN": request.system.options.fqdn,
        "Version": request.system.options.version,
    }
    known = request.system.entities["SystemParameters"]
    return Answer(body={name: value for name, value in found.items() if name in known})


@route("GET", "/DialCodeSettings")
def dial_codes(request: Request) -> Answer:
    codes = {"DialCodeVMail": "*4", "DialCodePickup": "*20*", "DialCodeIntercom": "*9"}
    return request.single(
        "DialCodeSettings", codes | dict(request.system.options.dial_codes), "DialCodeSettings"
    )


@route("GET", "/OutboundRules/Pbx.GetEmergencyOutboundRules()")
def emergency_rules(request: Request) -> Answer:
    rule: Json = {
        "Id": 1,
        "Name": "Emergency",
        "EmergencyRule": True,
        "Prefix": ",".join(request.system.options.emergency_numbers),
        "Priority": 1,
    }
    return request.collection("OutboundRules", [rule], "OutboundRule")


@route("GET", "/Defs/Pbx.HasSystemOwner()")
def has_system_owner(request: Request) -> Answer:
    return Answer(body={"value": request.system.has_owner()})


@route("GET", "/ReportAuditLog/Pbx.GetAuditLogData()")
def audit_log(request: Request) -> Answer:
    """What the rows hold beyond their names no source tells; here the object is an extension by number and name."""
    return request.collection("ReportAuditLog/Pbx.GetAuditLogData()", request.system.audit, "AuditLog")


@route("GET", "/SystemStatus")
def system_status(request: Request) -> Answer:
    system = request.system
    status = _LICENCE | {
        "Id": 0,
        "Version": system.options.version,
        "FQDN": system.options.fqdn,
        "ExtensionsTotal": len(system.users),
        "ExtensionsRegistered": 0,
        "UserExtensions": len(system.users),
        "MaxUserExtensions": system.options.max_extensions,
        "CallsActive": 0,
        "HasNotRunningServices": False,
        "RecordingQuotaReached": False,
        "VoicemailQuotaReached": False,
        "DBMaintenanceInProgress": False,
        "BackupScheduled": True,
        "IsAuditLogEnabled": True,
        "OS": "Linux",
    }
    return request.single("SystemStatus", status, "SystemStatus")


@route("GET", "/SystemStatus/Pbx.SystemHealthStatus()")
def system_health(request: Request) -> Answer:
    well = {"Firewall": True, "Phones": True, "Trunks": True}
    return Answer(body={"Id": 0, **well, "CustomTemplatesCount": 0, "UnsupportedFirmwaresCount": 0})


@route("GET", "/MailSettings")
def mail_settings(request: Request) -> Answer:
    options = request.system.options
    settings: Json = {
        "MailServerType": options.mail_server_type,
        "MailServer": options.mail_server,
        "MailAddress": f"pbx@{options.fqdn}" if options.can_mail else "",
        "MailUser": "",
        "MailPassword": None,
        "MailSslEnabled": True,
        "CanEditMailServerType": True,
    }
    return request.single("MailSettings", settings, "MailSettings")


@route("GET", "/LicenseStatus")
def licence_status(request: Request) -> Answer:
    return Answer(body=_LICENCE | {"Version": request.system.options.version})


@route("GET", "/PromptSets")
def prompt_sets(request: Request) -> Answer:
    english = {
        "Id": 1,
        "PromptSetName": "English",
        "Folder": user_fields.DEFAULTS["PromptSet"],
        "LanguageCode": "EN",
    }
    return request.collection("PromptSets", [english], "PromptSet")


@route("GET", "/ServicePrincipals")
def service_principals(request: Request) -> Answer:
    clients = request.system.options.clients()
    rows: list[Json] = [
        {
            "Id": 10 + index,
            "Number": client,
            "XAPIEnabled": True,
            "CallControlEnabled": False,
            "IsSystem": False,
        }
        for index, client in enumerate(clients)
    ]
    return request.collection("ServicePrincipals", rows, "ServicePrincipal")


@route("GET", "/VoicemailSettings")
def voicemail_settings(request: Request) -> Answer:
    return Answer(body={"Id": 1, "Quota": 1000, "UsedSpace": 0, "MinDuration": 2})


@route("GET", "/EventLogs")
def event_logs(request: Request) -> Answer:
    return request.collection("EventLogs", [], "EventLog")
