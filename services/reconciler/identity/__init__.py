"""Who is who: which extension is whose, who claims which number, and what stands against it. Pure.

``resolve`` decides it once, before anything is planned; every command, finding and sentence of the plan only reads
its answer. Its rooms: ``bindings`` (what is remembered, checked against what 3CX shows), ``claims`` (who has which
number and address in the directory), ``newcomers`` (people without an extension).
"""

from services.reconciler.identity.assignment import Assignment, resolve
from services.reconciler.identity.bindings import Reason, follows_directory, is_certain
from services.reconciler.identity.newcomers import Obstacle, Refusal, Taking

__all__ = [
    "Assignment",
    "Obstacle",
    "Reason",
    "Refusal",
    "Taking",
    "follows_directory",
    "is_certain",
    "resolve",
]
