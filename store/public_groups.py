"""Where public groups are found by the words of their titles: which words a title has, and the rows that lead to it.

Rule 1: a row is a hint. A title that changed or a group that became private leaves its rows; who reads them looks at the group first.
Rule 2: what can be asked is the beginning of words, of any case. A language without spaces between words is found by its beginnings only.
"""

import re
import unicodedata

from store import cql
from store.cassandra import Store

WORDS_LIMIT = 16  # of a title; further ones are not searched
WORD_CHARS_LIMIT = 32
PREFIX_CHARS = 1  # what is in one Cassandra partition; a question has at least that much of a word
LAST = "\U0010ffff"
ALL = ""  # the word of the rows by which all public groups are listed
PREFIX_OF_ALL = "*"  # a partition key of Cassandra is not empty, and no word begins with this
_WORD = re.compile(r"\w+")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a title or a question, as they are compared, each once."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return tuple(dict.fromkeys(word[:WORD_CHARS_LIMIT] for word in _WORD.findall(plain)))[:WORDS_LIMIT]


def matches(title: str, question: str) -> bool:
    """Whether each word of the question begins a word of the title."""
    title_words = words_of(title)
    return all(any(word.startswith(asked) for word in title_words) for asked in words_of(question))


def leading(title: str, asked: str) -> str:
    """The word by which a group is shown once, though several of its words begin with what was asked."""
    return ALL if asked == ALL else min((word for word in words_of(title) if word.startswith(asked)), default=ALL)


def prefix_of(word: str) -> str:
    return word[:PREFIX_CHARS] or PREFIX_OF_ALL


def rows_of(title: str, conversation: str) -> list[tuple[str, str, str]]:
    """The rows (prefix, word, conversation) that lead to a public group."""
    return [(prefix_of(word), word, conversation) for word in (ALL, *words_of(title))]


class PublicGroups:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, title: str, conversation: str) -> None:
        """Raises: StoreUnavailable. Delivery: safe to repeat."""
        await self._store.execute_each(cql.PUT_PUBLIC, rows_of(title, conversation))

    async def hints(self, asked: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """(word, conversation) of words that begin with `asked`, after those two, in their order. Raises: StoreUnavailable."""
        first = max(after, (asked, ""))
        row = (prefix_of(asked), *first, asked + LAST, limit)
        return [(word, conversation) for word, conversation in await self._store.execute(cql.PUBLIC_FROM, row)]
