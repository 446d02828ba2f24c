"""The tables, as data, and their creation. Called once by `warbler up` before any other process starts.

Why they look like this: docs/decisions/0003-projection-timestamps.md. Nothing is deleted or set to null, but for what
expired (docs/decisions/0042-retention.md): no tombstones.
"""

import asyncio
from collections.abc import Mapping, Sequence

from store.cassandra import open_cluster, translated
from store.settings import StoreSettings

BUCKET_SEQS = 1_000  # events of one conversation in a partition: at 16 KiB a message 16 MB, far below what Cassandra bears

COMPACTION = "compaction = {'class': 'UnifiedCompactionStrategy'}"

# What the projector writes. All of it can be rebuilt from the log, and is compared with it by `warbler verify timelines`.
TIMELINE_TABLES: dict[str, str] = {
    # Every event's wire bytes. Messages lie apart from the other events of a bucket: a history page reads one slice, a sync both.
    "events": f"""(conversation text, bucket int, message boolean, seq bigint, value blob,
        PRIMARY KEY ((conversation, bucket), message, seq)) WITH {COMPACTION}""",
    # What happened to a message after it was sent. A plain message has no row here: one row a message is the largest lever on cost.
    "message_changes": f"""(conversation text, bucket int, seq bigint,
        edit blob, recalled boolean, reactions map<frozen<tuple<text, text>>, boolean>,
        PRIMARY KEY ((conversation, bucket), seq)) WITH {COMPACTION}""",
    # The static columns are the conversation's head; a row is a user's place in it.
    "members": f"""(conversation text, user text,
        conversation_kind text static, title text static, pair frozen<list<text>> static,
        head_seq bigint static, head_ordinal bigint static, active_at_ms bigint static, last blob static, change_seq bigint static,
        role text, joined_seq bigint, active boolean, changed_seq bigint, read_seq bigint, read_ordinal bigint,
        PRIMARY KEY ((conversation), user)) WITH {COMPACTION}""",
    # Which conversations a user is or was in; the rest stands in `members`, so that a message never writes a row per member.
    "conversations": f"""(user text, conversation text, active boolean, changed_seq bigint,
        PRIMARY KEY ((user), conversation)) WITH {COMPACTION}""",
    # What else a group is: settings, roles, bans, mutes, links, who was asked; a row is a fact and stays when it ended (`store.facts`).
    "conversation_facts": f"""(conversation text, kind text, key text, active boolean, value blob, changed_seq bigint, ended_seq bigint,
        PRIMARY KEY ((conversation), kind, key)) WITH {COMPACTION}""",
    # What stands between the two of a direct conversation; only those with requests, friends, blocks or a stranger policy have a row.
    # `blocks`: user -> the seq since which it blocks the other; `refusals`: the seq since which it takes nothing from strangers. Both
    # negative where that event ended it.
    "ties": f"""(conversation text PRIMARY KEY, friends boolean, asked_by text, text text, since_seq bigint,
        blocks map<text, bigint>, refusals map<text, bigint>) WITH {COMPACTION}""",
    # Seqs whose content expired: what `content_expired` of `retention-events` says, besides what it takes away. By the role retention.
    "expired": f"(conversation text, from_seq bigint, before_seq bigint, PRIMARY KEY ((conversation), from_seq)) WITH {COMPACTION}",
    # The next offset to project, written after the rows.
    "progress": f"(topic text, partition int, next_offset bigint, PRIMARY KEY ((topic), partition)) WITH {COMPACTION}",
}

# Written by the projector, only ever added to: hints where a public group may be found; the group is looked at before it is shown.
SEARCH_TABLES: dict[str, str] = {
    "public_groups": f"(prefix text, word text, conversation text, PRIMARY KEY ((prefix), word, conversation)) WITH {COMPACTION}",
}

# What the topic `receipts` comes to, which keeps the last record of every key for ever: they can be rebuilt from it.
RECEIPT_TABLES: dict[str, str] = {
    # How far each device got. The state comes first: "who has read it" is a slice by user.
    "receipts": f"""(conversation text, state text, user text, device text,
        up_to_seq bigint, up_to_ordinal bigint, hidden boolean, at_ms bigint,
        PRIMARY KEY ((conversation), state, user, device)) WITH {COMPACTION}""",
    # Read marks that are no events, for the user's own count of unread messages. Not in `members`: other members may see that.
    "own_reads": f"""(user text, conversation text, up_to_seq bigint, up_to_ordinal bigint,
        PRIMARY KEY ((user), conversation)) WITH {COMPACTION}""",
    # By user, because a directory wants them all at once; only conversations that were ever marked have a row.
    "unread_marks": f"(user text, conversation text, up_to_seq bigint, at_ms bigint, PRIMARY KEY ((user), conversation)) WITH {COMPACTION}",
}

# What the topic `rosters` comes to, which is kept for ever.
ROSTER_TABLES: dict[str, str] = {
    # `version`: the next offset after the record that touched the row last; rows stay, so that who was away learns what ended.
    "rosters": f"""(user text, other text, relation text, text text, seq bigint, blocked boolean, blocked_seq bigint,
        version bigint, changed_at_ms bigint, PRIMARY KEY ((user), other)) WITH {COMPACTION}""",
    "joinings": f"""(user text, way text, conversation text, state text, by_user text, reason text, seq bigint, at_ms bigint,
        PRIMARY KEY ((user), way, conversation)) WITH {COMPACTION}""",
}

# What the records of ended calls in `call-events` come to, which is kept for ever; `month`: thirty days. Rows: `store.call_rows`.
CALL_TABLES: dict[str, str] = {
    # A user's own rows go with the user; everything else stays as in the log.
    "calls_by_user": f"""(user text, month int, ended_at_ms bigint, call text, value blob,
        PRIMARY KEY ((user, month), ended_at_ms, call)) WITH CLUSTERING ORDER BY (ended_at_ms DESC, call DESC) AND {COMPACTION}""",
    "calls_by_conversation": f"""(conversation text, month int, ended_at_ms bigint, call text, value blob,
        PRIMARY KEY ((conversation, month), ended_at_ms, call)) WITH CLUSTERING ORDER BY (ended_at_ms DESC, call DESC) AND {COMPACTION}""",
    # In which months a user or a conversation has any; written after the rows, so a list may miss the newest for a moment.
    "call_months": f"(owner text, month int, PRIMARY KEY ((owner), month)) WITH CLUSTERING ORDER BY (month DESC) AND {COMPACTION}",
}

# What the inbox writes: the last record of each user in the topic `presence`.
PRESENCE_TABLES: dict[str, str] = {
    "presence": f"(user text PRIMARY KEY, state text, status text, last_seen_ms bigint, at_ms bigint) WITH {COMPACTION}",
}

# What the push worker remembers of what it sent: a row for each device and push channel about a conversation, call or campaign; expires.
ALERT_TABLES: dict[str, str] = {
    "push_alerts": f"""(user text, subject text, device text, channel text, to_seq bigint, attempt int, shown boolean, at_ms bigint,
        PRIMARY KEY ((user), subject, device, channel)) WITH {COMPACTION}""",
}

# What the topic `account-events` comes to. Written by the edge after the event, and by the projector, so that a crash between heals.
ACCOUNT_TABLES: dict[str, str] = {
    "account_states": f"""(user text PRIMARY KEY, user_kind text, state text, reason text, changed_by text, at_ms bigint)
        WITH {COMPACTION}""",
    # The sign-ins of a user: its devices. `device_name` and `seen_at_ms` are no facts of the log: the edge writes them.
    "sign_ins": f"""(user text, sign_in text, device text, platform text, method text, factors frozen<list<text>>, remembered boolean,
        opened_at_ms bigint, expires_at_ms bigint, proved_at_ms bigint, ended_reason text, ended_by text, ended_at_ms bigint,
        device_name text, seen_at_ms bigint,
        PRIMARY KEY ((user), sign_in)) WITH {COMPACTION}""",
    # Access tokens that were revoked one by one, until they would have ended by themselves.
    "revoked_tokens": f"(token_id text PRIMARY KEY, user text, expires_at_ms bigint) WITH {COMPACTION}",
}

# What the log does not hold.
OWN_TABLES: dict[str, str] = {
    # `log`: the epoch; `cluster`: the id of the Kafka cluster that the log was in.
    "epochs": f"(name text PRIMARY KEY, epoch text) WITH {COMPACTION}",
    # The one place where a name, an e-mail address, a phone number or an external subject is taken: a single LWT decides.
    "identifiers": f"""(kind text, key text, user text, shown text, identifier_id text, verified_at_ms bigint,
        PRIMARY KEY ((kind, key))) WITH {COMPACTION}""",
    # The same by user. Personal, like `users`: gone when the user is deleted.
    "user_identifiers": f"""(user text, identifier_id text, kind text, key text, shown text, verified_at_ms bigint,
        PRIMARY KEY ((user), identifier_id)) WITH {COMPACTION}""",
    "users": f"(user text PRIMARY KEY, name text, password_hash text, created_at_ms bigint) WITH {COMPACTION}",
    # Personal, so not in the log, whose events name the row. One that no event names (yet) expires.
    "nicknames": f"""(conversation text, user text, nickname_id text, nickname text,
        PRIMARY KEY ((conversation), user, nickname_id)) WITH {COMPACTION}""",
    # What a user wants to be pushed of a conversation; follows from the topic account-events.
    "push_modes": f"""(user text, conversation text, mode text, until_ms bigint, at_ms bigint,
        PRIMARY KEY ((user), conversation)) WITH {COMPACTION}""",
    # What a user wants others to see; without a row the cluster's default (EDGE_PRESENCE_VISIBILITY) and receipts shown.
    "privacy": f"""(user text PRIMARY KEY, receipts boolean, presence text, at_ms bigint,
        strangers text, friend_requests text, friend_question text, searchable boolean) WITH {COMPACTION}""",
    # What a user calls another, for itself: personal, so not in the log, which says only that it changed.
    "roster_notes": f"(user text, other text, alias text, tags frozen<list<text>>, PRIMARY KEY ((user), other)) WITH {COMPACTION}",
    # Families of refresh tokens: the hash of the current one, and of those that were exchanged a moment ago.
    "families": f"""(sign_in text PRIMARY KEY, user text, token_hash text, used frozen<map<text, bigint>>, expires_at_ms bigint,
        ends_at_ms bigint, revoked boolean) WITH {COMPACTION}""",
    "used_tickets": f"(ticket_id text PRIMARY KEY) WITH {COMPACTION}",
}

# How users get in. `state` and `factor_kind` of a factor follow account-events; what a factor is checked with is sealed by the edge.
SIGN_IN_TABLES: dict[str, str] = {
    "factors": f"""(user text, factor text, factor_kind text, name text, sealed blob, state text, added_at_ms bigint,
        PRIMARY KEY ((user), factor)) WITH {COMPACTION}""",
    # Short-lived, changed by LWT only; short grace, because what is forgotten need not be remembered as forgotten.
    "slips": f"(key text PRIMARY KEY, value blob, version bigint) WITH {COMPACTION} AND gc_grace_seconds = 86400",
}

# What admin-events and account-events come to: roles, who holds one, keys, policies. One partition a tenant, for there are few of each.
TENANCY_TABLES: dict[str, str] = {
    # `definition`: level and permissions as one cell of JSON, empty once it was dropped. `dropped_at_ms` stays when it is defined anew.
    "tenant_roles": f"(tenant text, role text, definition text, dropped_at_ms bigint, PRIMARY KEY ((tenant), role)) WITH {COMPACTION}",
    "role_holders": f"(tenant text, user text, role text, given_at_ms bigint, PRIMARY KEY ((tenant), user)) WITH {COMPACTION}",
    # Name, hash of the secret and last use stand here alone.
    "api_keys": f"""(tenant text, key_id text, name text, secret_hash text, scopes text, maker text, maker_kind text,
        made_at_ms bigint, expires_at_ms bigint, revoked_at_ms bigint, used_at_ms bigint,
        PRIMARY KEY ((tenant), key_id)) WITH {COMPACTION}""",
    "policies": f"(tenant text, policy text, value text, PRIMARY KEY ((tenant), policy)) WITH {COMPACTION}",
}

# Personal: never in the log, deleted with their user.
PROFILE_TABLES: dict[str, str] = {
    "profiles": f"""(user text PRIMARY KEY, display_name text, about text, avatar text, fields text, version bigint) WITH {COMPACTION}""",
    # One a user, at most 64 KiB; apart from the profile, which is read by hundreds.
    "avatars": f"(user text PRIMARY KEY, avatar text, media_type text, image blob) WITH {COMPACTION}",
    "user_settings": f"(user text PRIMARY KEY, settings text, version bigint) WITH {COMPACTION}",
    # Who may be found under a folded name or the rest of a display name from one of its words on. `head`: its first two characters, so
    # a search for a prefix is one slice of one partition; with 10 million users the largest of these hold some 100,000 rows of 60 bytes.
    "found_by": f"(head text, term text, user text, PRIMARY KEY ((head), term, user)) WITH {COMPACTION}",
}

# Pushes from the server to an audience, and what became of pushes: from the topics push-campaigns and push-results.
CAMPAIGN_TABLES: dict[str, str] = {
    # `definition`: its first event as JSON. `place`: how far the worker went through the audience; without it, it begins anew.
    "push_campaigns": f"""(campaign text PRIMARY KEY, definition text, cancelled_at_ms bigint, cancelled_by text, started_at_ms bigint,
        finished_at_ms bigint, users bigint, place text) WITH {COMPACTION}""",
    # Their ids have their time in them, so the newest come first. A partition a tenant: 40 bytes each, however long their text is.
    "push_campaign_ids": f"""(tenant text, campaign text, PRIMARY KEY ((tenant), campaign))
        WITH CLUSTERING ORDER BY (campaign DESC) AND {COMPACTION}""",
    # What became of pushes (`store.push_counts`), of one partition of push-results up to an offset of it. `scope`: a campaign, or an hour.
    "push_counts": f"""(scope text, epoch text, partition int, counts text, next_offset bigint,
        PRIMARY KEY ((scope), epoch, partition)) WITH {COMPACTION}""",
}

# Where each webhook stands (`streams.webhooks.standing`). `epoch`: of the log that its offsets are of.
WEBHOOK_TABLES: dict[str, str] = {
    "webhook_standings": f"""(webhook text PRIMARY KEY, epoch text, version bigint, rewound text, standing text, at_ms bigint)
        WITH {COMPACTION}""",
}

# Where users are reached while they are away. Of these `push_settings` and `push_modes` are what account-events come to.
PUSH_TABLES: dict[str, str] = {
    # The token stands sealed. Changed by LWT only; a row counts while `push_holders` names its user and device.
    "push_tokens": f"""(user text, device text, channel text, token_id text, sealed blob, app text, locale text, sign_in text,
        registered_at_ms bigint, PRIMARY KEY ((user), device, channel)) WITH {COMPACTION}""",
    "push_holders": f"""(channel text, token_id text, user text, device text, at_ms bigint,
        PRIMARY KEY ((channel, token_id))) WITH {COMPACTION}""",
    "push_settings": f"""(user text PRIMARY KEY, time_zone text, quiet_from_min int, quiet_until_min int, quiet_lets frozen<list<text>>,
        content_shown boolean, badge boolean, alert_on text, locale text, at_ms bigint) WITH {COMPACTION}""",
    "push_labels": f"(user text PRIMARY KEY, tags frozen<list<text>>, alias text) WITH {COMPACTION}",
    # Who may be labelled so: hints, the row in `push_labels` decides. Buckets, because a tag may be that of every user.
    "push_tags": f"(tenant text, tag text, bucket int, user text, PRIMARY KEY ((tenant, tag, bucket), user)) WITH {COMPACTION}",
    "push_aliases": f"(tenant text, alias text, user text, PRIMARY KEY ((tenant, alias), user)) WITH {COMPACTION}",
}

# Which generation of a projection's tables is read, and which others there are (`store.generations`).
GENERATION_TABLES: dict[str, str] = {
    # `live`: the pointer; `newest`: the largest number that was ever given, none is given twice. Both by LWT only.
    "generations": f"""(projection text, live int static, newest int static, generation int, state text, epoch text,
        begun_at_ms bigint, changed_at_ms bigint, PRIMARY KEY ((projection), generation)) WITH {COMPACTION}""",
    # What each process reads; its row expires soon after the process is gone.
    "generation_followers": f"(scope text, node text, state text, PRIMARY KEY ((scope), node)) WITH {COMPACTION}",
}

TABLES: dict[str, str] = {
    **GENERATION_TABLES,
    **TIMELINE_TABLES,
    **SEARCH_TABLES,
    **RECEIPT_TABLES,
    **ROSTER_TABLES,
    **CALL_TABLES,
    **PRESENCE_TABLES,
    **ALERT_TABLES,
    **ACCOUNT_TABLES,
    **OWN_TABLES,
    **SIGN_IN_TABLES,
    **TENANCY_TABLES,
    **PROFILE_TABLES,
    **CAMPAIGN_TABLES,
    **WEBHOOK_TABLES,
    **PUSH_TABLES,
}

# Columns that an older release made the table without; they stand in the definition too.
ADDED_COLUMNS: dict[str, str] = {"privacy": "strangers text, friend_requests text, friend_question text, searchable boolean"}


def statements(keyspace: str, replication: int, tables: Mapping[str, str] = TABLES) -> list[str]:
    """The CREATE statements, in order; each may be repeated."""
    created = [
        f"CREATE KEYSPACE IF NOT EXISTS {keyspace}"
        f" WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': {replication}}}"
    ]
    created += [f"CREATE TABLE IF NOT EXISTS {keyspace}.{name} {definition}" for name, definition in tables.items()]
    created += [f"ALTER TABLE {keyspace}.{name} ADD IF NOT EXISTS ({columns})" for name, columns in ADDED_COLUMNS.items() if name in tables]
    return created


async def ensure_tables(settings: StoreSettings, replication: int, tables: Mapping[str, str] = TABLES) -> None:
    """Create the keyspace and the tables that are missing.

    Raises: StoreUnavailable. Delivery: safe to repeat, but not from two processes at once (Cassandra does not serialise schema changes).
    """
    await asyncio.to_thread(_create, settings, statements(settings.keyspace, replication, tables))


def _create(settings: StoreSettings, wanted: Sequence[str]) -> None:
    cluster = open_cluster(settings)
    try:
        with translated():
            session = cluster.connect()
            for statement in wanted:
                session.execute(statement, timeout=60)
    finally:
        cluster.shutdown()
