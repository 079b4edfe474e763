"""What a draft claims of what others hold now: its number and its e-mail address. Pure."""

from services.reconciler.drafts import Draft
from services.reconciler.worktable import Worktable
from shared.values.keys import email_key


def add_creation(table: Worktable, draft: Draft) -> None:
    """Lay down a draft that makes an extension, with its claims to what others hold now."""
    if draft.number in table.situation.by_number:
        draft.claims.add(("number", draft.number))
    claim_email(table, draft)
    table.drafts.append(draft)


def claim_email(table: Worktable, draft: Draft) -> None:
    """Claim the address that the draft sets, if another extension holds it."""
    email = draft.after.get("email")
    if isinstance(email, str) and email:
        holder = table.situation.by_email.get(email_key(email))
        if holder is not None and (draft.extension is None or holder.id != draft.extension.id):
            draft.claims.add(("email", email_key(email)))
