"""The forms by their names on the command line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ops.export.actiance import ActianceForm
from ops.export.attachments import AttachmentForm
from ops.export.csv_form import CsvForm
from ops.export.eml import EmlForm
from ops.export.eml_daily import EmlDailyForm
from ops.export.entries import Form
from ops.export.rsmf import RsmfForm
from ops.export.slack import SlackForm

NDJSON, CSV, EML, EML_DAILY, SLACK, ACTIANCE, RSMF = "ndjson", "csv", "eml", "eml-daily", "slack", "actiance", "rsmf"
FORMATS = (NDJSON, CSV, EML, EML_DAILY, SLACK, ACTIANCE, RSMF)
ATTACHMENTS = "attachments"
# NDJSON is no form of a conversation: it is written with the records, and has those that are no conversation's too.
_MADE: dict[str, Callable[[str], Form]] = {
    CSV: lambda domain: CsvForm(),
    EML: EmlForm,
    EML_DAILY: EmlDailyForm,
    SLACK: lambda domain: SlackForm(),
    ACTIANCE: lambda domain: ActianceForm(),
    RSMF: RsmfForm,
    ATTACHMENTS: lambda domain: AttachmentForm(),
}


def forms_of(formats: Collection[str], domain: str) -> dict[str, Form]:
    """A new form of each format, for one conversation; with them the files that some of them name."""
    names = [name for name in FORMATS if name in formats and name in _MADE]
    if not {CSV, SLACK, ACTIANCE}.isdisjoint(names):
        names.append(ATTACHMENTS)
    return {name: _MADE[name](domain) for name in names}
