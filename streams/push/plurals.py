"""Which plural form a number takes, by the rules that the texts name. Pure. Source: Unicode CLDR, plural rules for cardinals."""

from typing import assert_never

from streams.push.texts import Form, PluralRule


def form_of(rule: PluralRule, n: int) -> Form:
    """The form for a number of things, 0 or more."""
    match rule:
        case "other":
            return "other"
        case "one_other":
            return "one" if n == 1 else "other"
        case "zero_one_other":
            return "one" if n in (0, 1) else "other"
        case "east_slavic":
            return "one" if n % 10 == 1 and n % 100 != 11 else _few_or_many(n)
        case "polish":
            return "one" if n == 1 else _few_or_many(n)
        case _:
            assert_never(rule)


def _few_or_many(n: int) -> Form:
    return "few" if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else "many"
