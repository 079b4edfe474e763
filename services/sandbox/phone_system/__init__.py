"""A stand-in for the Configuration API (XAPI) of a 3CX V20 phone system.

It imitates what was observed on real systems, awkward behaviours included, keeps its state in memory, counts
what it really did, and can be told to fail in the ways networks and phone systems fail. Any ordinary XAPI
client can work with it; nothing here knows Rollcall.
"""

from services.sandbox.phone_system.options import PhoneSystemOptions
from services.sandbox.phone_system.running import RunningPhoneSystem, serve
from services.sandbox.phone_system.server import create_app

__all__ = ["PhoneSystemOptions", "RunningPhoneSystem", "create_app", "serve"]
