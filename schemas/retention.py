"""How long content is kept, and what must be kept whatever that says: the facts of the topic `retention-events`.

Key: the tenant, so that all of it lies in one order, which decides between what expires and what is held. Nothing personal is in them but
ids; a matter's name is what who opened it wrote. The folds are in `store.retention`.
"""

from typing import Literal

from msgspec import Struct

# Of which conversations a rule speaks: all of the tenant, those of a kind, or one.
RuleScope = Literal["tenant", "kind", "conversation"]


class RetentionEventBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every one carries. `actor`: a user, the id of an API key, `root`, `operator:<name>`, or the role `retention` itself."""

    event_id: str
    tenant: str
    actor: str
    at_ms: int


class RetentionSet(RetentionEventBase, frozen=True, kw_only=True, tag="retention_set"):
    """Content is kept for `keep_ms`; 0: for ever. `target`: empty, a kind, or a conversation."""

    scope: RuleScope
    target: str
    keep_ms: int


class RetentionDropped(RetentionEventBase, frozen=True, kw_only=True, tag="retention_dropped"):
    """The rule is gone; the wider one holds again."""

    scope: RuleScope
    target: str


class MatterOpened(RetentionEventBase, frozen=True, kw_only=True, tag="matter_opened"):
    """`conversations`, and all in which one of `users` is or was; neither named: the whole tenant. `until_ms` 0: without end."""

    matter: str
    name: str
    conversations: tuple[str, ...]
    users: tuple[str, ...]
    from_ms: int
    until_ms: int


class MatterScoped(RetentionEventBase, frozen=True, kw_only=True, tag="matter_scoped"):
    """What it is about from now on, in place of what was said before."""

    matter: str
    conversations: tuple[str, ...]
    users: tuple[str, ...]
    from_ms: int
    until_ms: int


class MatterClosed(RetentionEventBase, frozen=True, kw_only=True, tag="matter_closed"):
    """For good; its hold ends with it."""

    matter: str


class HoldPlaced(RetentionEventBase, frozen=True, kw_only=True, tag="hold_placed"):
    """Nothing that the matter is about expires."""

    matter: str
    reason: str


class HoldLifted(RetentionEventBase, frozen=True, kw_only=True, tag="hold_lifted"):
    matter: str
    reason: str


class ContentExpired(RetentionEventBase, frozen=True, kw_only=True, tag="content_expired"):
    """Messages and edits with a seq from `from_seq` to below `before_seq` are no more for devices; what else happened there stays.

    `edit_seqs`: which of them are edits. `keep_ms`: the rule. `decided_at`: how many rules and holds were known (`Retention.version`);
    if another came before this one in the log, this one is void.
    """

    conversation_id: str
    from_seq: int
    before_seq: int
    edit_seqs: tuple[int, ...]
    messages_count: int
    keep_ms: int
    decided_at: int


Ruling = RetentionSet | RetentionDropped | MatterOpened | MatterScoped | MatterClosed | HoldPlaced | HoldLifted
RetentionEvent = Ruling | ContentExpired
