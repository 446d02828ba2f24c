"""What the tenant's policies say of names and passwords, and whether that door is open. Called by the routes of `edge.rest`."""

from edge.people.policies import Policies
from edge.rest.errors import Problem


def check_sign_up(policies: Policies, name: str, password: str) -> None:
    """Raises: Problem 403 sign_up_closed; 422 bad_name, bad_password."""
    if not policies.sign_up.allows("password"):
        raise Problem(403, "sign_up_closed", "accounts are made by administrators only")
    if why := policies.names.refusal(name):
        raise Problem(422, "bad_name", why)
    check_password(policies, password)


def check_password(policies: Policies, password: str) -> None:
    """A new one. Raises: Problem 422 bad_password."""
    if len(password) < policies.passwords.chars_min:
        raise Problem(422, "bad_password", f"a password has at least {policies.passwords.chars_min} characters")


def check_sign_in(policies: Policies) -> None:
    """Raises: Problem 403 method_off."""
    if "password" not in policies.sign_in.methods:
        raise Problem(403, "method_off", "this way to sign in is not open here")
