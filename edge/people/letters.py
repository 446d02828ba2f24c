"""What is written to people: mails and text messages with a code, from templates. Pure but for `Letters.of`, which reads them once.

A template is `string.Template` text; the first line of `mail.txt` is the mail's subject.
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

OURS = Path(__file__).parent / "letter_texts"
NAMES = ("mail.txt", "mail.html", "sms.txt")


@dataclass(frozen=True, slots=True)
class Letter:
    """`html` and `subject` are empty in a text message. `code`: as it stands in the text, for gateways that want it apart."""

    subject: str
    text: str
    html: str
    code: str


@dataclass(frozen=True, slots=True)
class Letters:
    mail_text: Template
    mail_html: Template
    sms: Template

    @classmethod
    def of(cls, folder: str = "") -> "Letters":
        """Those of the folder; ours for those that it does not have. Raises: OSError."""
        own = Path(folder) if folder else OURS
        texts = [((own if (own / name).exists() else OURS) / name).read_text(encoding="utf-8") for name in NAMES]
        return cls(*(Template(text) for text in texts))

    def mail(self, service: str, code: str, link: str, minutes: int) -> Letter:
        """`link` empty: the mail proves an address that is added, which nothing but the code can."""
        words = {"service": service, "code": code, "link": link, "minutes": str(minutes)}
        subject, _, text = self.mail_text.safe_substitute(words).partition("\n")
        html = self.mail_html.safe_substitute({name: escape(value) for name, value in words.items()})
        return Letter(subject.strip(), _without_link(text, link), _without_link(html, link), code)

    def message(self, service: str, code: str, minutes: int) -> Letter:
        text = self.sms.safe_substitute({"service": service, "code": code, "minutes": str(minutes)})
        return Letter("", text.strip(), "", code)


def _without_link(text: str, link: str) -> str:
    """Lines that begin with `?link ` are there only if there is a link."""
    kept = []
    for line in text.lstrip("\n").splitlines():
        if not line.startswith("?link "):
            kept.append(line)
        elif link:
            kept.append(line.removeprefix("?link "))
    return "\n".join(kept) + "\n"
