"""3CX's warnings in plain words: what each one that our calls can meet means, and what to do.

The names are those of 3CX's own list, less ``WARNINGS.`` and ``XAPI.``, which releases use differently. A name that is
neither here nor known to be out of reach fails a test.
"""

from collections.abc import Mapping

from shared.language import declared, phrase

# What a person calls the fields that Rollcall writes by itself; any other is named as 3CX names it.
_FIELDS: Mapping[str, str] = {
    "Number": declared("the number"),
    "FirstName": declared("the first name"),
    "LastName": declared("the last name"),
    "EmailAddress": declared("the e-mail address"),
    "Mobile": declared("the mobile number"),
    "Groups": declared("the list of departments"),
    "PrimaryGroupId": declared("the primary department"),
    "Name": declared("the name"),
}
# ``{field}`` is the field that was refused.
_SENTENCES: Mapping[str, str] = {
    "ALREADY_IN_USE": declared("{field} is in use elsewhere in 3CX. Choose another one, or free it there."),
    "CANNOT_BE_DELETED": declared("3CX keeps it because it is in use. Check in 3CX where it is used."),
    "CAN_NOT_BE_EMPTY_STRING": declared("{field} must not be empty. Enter it in the directory."),
    "DELETING_ALREADY_IN_PROGRESS": declared("3CX is deleting something else at the moment. The next run tries again."),
    "DN_NUMBER_CANNOT_BE_USED": declared("{field} is reserved in 3CX. Choose another one."),
    "DOUBLE_QUOTES_NOT_ALLOWED": declared("{field} contains double quotes, which 3CX does not allow. Remove them in the directory."),
    "DUPLICATE": declared("{field} exists already in 3CX. Choose another one."),
    "FAX_SERVER_CANNOT_BE_DELETED": declared("it is the fax server. Exclude its number in Rollcall, or set another extension as the fax "
"server."),
    "FILE_NOT_ACCESSIBLE": declared("3CX cannot read the file. Check the disk and the storage of recordings in 3CX."),
    "FILE_NOT_FOUND": declared("The file does not exist in 3CX."),
    "FORBIDDEN_CHANGE": declared("{field} must not be changed. Set it by hand in 3CX."),
    "INVALID": declared("{field} has a value that 3CX rejects. Correct it in the directory."),
    "INVALID_EXTENSION_NUMBER_LENGTH": declared("{field} does not have as many digits as extensions have in this 3CX. Choose another one."),
    "INVALID_LICENSE_TYPE": declared("the licence of this 3CX does not include it. Change the setting, or the licence."),
    "INVALID_PASSWORD": declared("the password is too weak for 3CX. Choose a longer one in 3CX."),
    "INVALID_PIN_NUMBER": declared("3CX rejects the voicemail PIN. Choose another one in 3CX."),
    "INVALID_TIMEZONE": declared("3CX does not know the time zone. Set it by hand in 3CX."),
    "LENGTH_NOT_MORE_2048_CHARS": declared("{field} is longer than 2048 characters. Shorten it in the directory."),
    "LENGTH_NOT_MORE_255_CHARS": declared("{field} is longer than 255 characters. Shorten it in the directory."),
    "LENGTH_NOT_MORE_50_CHARS": declared("{field} is longer than 50 characters. Shorten it in the directory."),
    "LICENSE_NOT_FOUND": declared("3CX has no valid licence. Activate it in 3CX."),
    "LIMIT_REACHED": declared("the limit of the 3CX licence is reached. Delete something or upgrade the licence."),
    "MAC_ADDRESS_ALREADY_IN_USE": declared("another extension has this phone. Remove it there first."),
    "MAC_USED_BY": declared("another extension has this phone. Remove it there first."),
    "MCM_MODE_REQUIRED": declared("this works only in a multi-company 3CX. Change the setting."),
    "NON_EXISTENT_EXT_NUMBER": declared("{field} refers to an extension that does not exist. Correct it in 3CX."),
    "NOT_FOUND": declared("{field} refers to something that does not exist in 3CX. The next run checks again."),
    "NOT_SUPPORTED": declared("this 3CX does not support {field}. Change the setting, or update 3CX."),
    "NO_MORE_NUMBERS_AVAILABLE": declared("no number is left in the department's range. Enlarge the range in 3CX."),
    "NO_USERS_IN_TEAMS": declared("no user is connected to Microsoft Teams. Set up Teams in 3CX, or switch it off in the "
"template."),
    "NUMBER_IGNORED": declared("3CX ignored the number. Choose another one."),
    "OPERATOR_CANNOT_BE_DELETED": declared("it is the operator. Set another extension as the operator in 3CX, or exclude its number in "
"Rollcall."),
    "OTHER_USER_ROLE_DOWNGRADE": declared("the API client may not lower this role. Change it by hand in 3CX as a system owner."),
    "OUT_OF_THE_RANGE": declared("{field} is outside the range that 3CX allows. Choose another one."),
    "REQUIRED": declared("{field} is required. Enter it in the directory."),
    "STRING_TOO_LONG": declared("{field} is too long for 3CX. Shorten it in the directory."),
    "TIMEZONEID_IS_MISSING": declared("3CX requires a time zone. Set it by hand in 3CX."),
    "TOO_MANY_ITEMS_IN_LIST": declared("{field} has too many entries for 3CX. Remove some in the template."),
    "TOO_MANY_PHONES": declared("the extension has too many phones for 3CX. Remove one in 3CX."),
    "USER_EXTENSION_CANNOT_BE_DELETED": declared("3CX keeps this extension, often because it is the last system owner. Give somebody else "
"that role first."),
    "USER_ROLE_DOWNGRADE": declared("3CX does not let an API client lower its own role. Change it by hand in 3CX."),
}  # fmt: skip
# About phones and trunks, backups, imports, certificates, chats, conferences, ...: nothing that Rollcall calls.
OUT_OF_REACH = frozenset(
    """
    ALREADY_EXPIRED AWS_STORAGE_UNDER_USAGE BACKUP_LOCATION_CONFIG_ERROR BACKUP_NOT_FOUND_OR_INVALID
    BLACKLIST_NUMBER_LIMIT_EXCEEDED CALL_FLOW_MUST_BE_ALPHANUMERIC CANNOT_CONNECT_AMAZON_S3_BUCKET CANNOT_CONNECT_FTP
    CANNOT_CONNECT_GOOGLE_BUCKET CANNOT_CONNECT_SFTP CANNOT_CONNECT_SMB CANNOT_DELETE_TRUNKS_BINDED_ERMERGENCY_NUMBER
    CAPTCHA_ERROR CAPTURE_LOCALHOST_NOT_ALLOWED CAPTURE_ONGOING CERTIFICATE_EXPIRED CHAT_LOG_IS_DISABLED
    CONTACTS_SPECIFY_NAME_SURNAME CONTACTS_SPECIFY_NAME_SURNAME_COMPANY CONTACTS_SPECIFY_PHONE_NUMBER
    CONVERTER_LIMIT_REACHED CONVERTER_REQUEST_ALREADY_IN_PROGRESS CONVERTER_REQUEST_NOT_FOUND
    CONVERTER_REQUEST_TIMEOUT CONVERTER_WEBMEETING_BRIDGE_NOT_FOUND CREATE_1_SIP_TRUCK_EMERGENCY
    CSV_IMPORT_LIMIT_REACHED CSV_INVALID_FILE_FORMAT CSV_LINE_CORRUPTED ERP_SERVER_ERROR
    ERROR_DOWNLOADING_FROM_UPDATES_SERVER EXTRACTING_OUTSIDE_THE_DESTINATION_DIRECTORY FILE_FORMAT_IS_INCORRECT
    FILE_IS_TOO_LARGE GROUP_CANNOT_BE_DELETED GROUP_WITH_MEMBERS_CANNOT_BE_DELETED INTERNATIONALPREFIX_IS_MISSING
    INVALID_CALL_FLOW_FILE INVALID_CREDENTIALS INVALID_FILE_NAME INVALID_HEX_CHARACTER INVALID_IP_MASK INVALID_PATH
    INVALID_SECURITY_CODE MCU_LIMIT_REACHED MCU_REQUEST_ALREADY_IN_PROGRESS MCU_REQUEST_NOT_FOUND MCU_REQUEST_TIMEOUT
    MCU_WEBMEETING_BRIDGE_NOT_FOUND NO_SECRET_DEFINED OPENAI_KEY_IS_MISSING OUTBOUND_RULES_LIMIT_REACHED
    PATH_SHOULD_NOT_CONTAIN_SPACES PLAYLIST_IN_USE PLAYLIST_NO_SOURCE RING_GROUP_ENABLE_PAGING SBC_CERT_EXPIRED
    SBC_CERT_FQDN_MISMATCH SBC_KEY_CERT_MISMATCH SFTP_INVALID_HOST_KEY SUPPORTED_MEDIA_FORMAT_WAV TOO_MANY_BACKUPS
    TOO_MANY_PROMPTS TOO_MANY_SBC TOO_MANY_TRUNKS UNABLE_REACH_UPDATES_SERVER WAKEUP_IVR_EXISTS WIRESHARK_NOT_FOUND
    WRONG_CSV_FILE_REQUIRED_COLUMNS_NOT_FOUND WRONG_CSV_FILE_REQUIRED_HEADER_NOT_FOUND
    """.split()
)
IN_REACH = frozenset(_SENTENCES)


def name_of(warning: str) -> str:
    """The name of a warning as it is here; what is no warning stays as it is."""
    return warning.removeprefix("WARNINGS.").removeprefix("XAPI.")


def in_words(target: str, warning: str) -> str:
    """What a refusal of a field means and what to do; empty for a warning that is not known."""
    field = _FIELDS.get(target) or (phrase("the setting {target}", target=target) if target else "something")
    sentence = _SENTENCES.get(name_of(warning), "").format(field=field)
    return sentence[:1].upper() + sentence[1:]
