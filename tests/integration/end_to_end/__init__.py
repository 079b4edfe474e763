"""From a real Active Directory domain controller to the sandbox phone system, through the whole of Rollcall."""
