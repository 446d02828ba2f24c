// The user's conversations: the directory with events laid over. Pure; what a conversation list shows.

import type { ConversationKind, DirectoryEntry, EventItem, EventKind, MessageItem, Receipt, Role } from "./frames.js";
import { foldMessage, messageOf } from "./timeline.js";

export interface Listed {
  readonly conversation: string;
  readonly conversation_kind: ConversationKind;
  readonly title: string;
  readonly role: Role;
  /** The other user of a direct conversation. */
  readonly peer: string | null;
  readonly head_seq: number;
  readonly head_ordinal: number;
  readonly read_ordinal: number;
  readonly active_at_ms: number;
  /** Kept for later by the user. */
  readonly marked_unread: boolean;
  readonly last: MessageItem | null;
  /** False: joined by an event that does not tell kind and title; a page of the directory will. */
  readonly complete: boolean;
}

/** What does not make a conversation the latest active one. */
const QUIET: ReadonlySet<EventKind> = new Set(["read_marked", "reaction_added", "reaction_removed", "hidden", "user_blocked", "user_unblocked"]);

/** Two users who never wrote to each other: there only for what they are to each other, and no part of a list of conversations. */
export const isUnspoken = (listed: Listed): boolean => listed.conversation_kind === "direct" && listed.head_ordinal === 0;

export const unreadOf = (listed: Listed): number => Math.max(0, listed.head_ordinal - listed.read_ordinal);

export class Directory {
  readonly conversations = new Map<string, Listed>();

  constructor(readonly user: string) {}

  /** Shape: by last activity, newest first. */
  sorted(): Listed[] {
    return [...this.conversations.values()].sort(
      (a, b) => b.active_at_ms - a.active_at_ms || a.conversation.localeCompare(b.conversation),
    );
  }

  directory(entries: readonly DirectoryEntry[]): void {
    for (const entry of entries) {
      const known = this.conversations.get(entry.conversation);
      const read_ordinal = Math.max(entry.head_ordinal - entry.unread, known?.read_ordinal ?? 0);
      const { conversation, conversation_kind, title, role, head_seq, head_ordinal, active_at_ms } = entry;
      const place = { conversation, conversation_kind, title, role, head_seq, head_ordinal, active_at_ms };
      const marked_unread = entry.marked_unread ?? false;
      const row = { ...place, marked_unread, read_ordinal, peer: entry.peer ?? null, last: entry.last ?? null, complete: true };
      // events that came since may be ahead of the page
      const ahead = known !== undefined && known.head_seq > entry.head_seq;
      this.conversations.set(conversation, ahead ? { ...known, marked_unread, title, role, peer: row.peer, conversation_kind, complete: true } : row);
    }
  }

  apply(conversation: string, event: EventItem): void {
    const known = this.conversations.get(conversation) ?? this.opened(conversation, event);
    if (known === null) return;
    const after = this.fold(known, event);
    if (after === null) this.conversations.delete(conversation);
    else this.conversations.set(conversation, after);
  }

  /** What a device of the own user said of a conversation. */
  receipt(frame: Receipt): void {
    const known = this.conversations.get(frame.conversation);
    if (known === undefined || frame.user !== this.user) return;
    if (frame.state === "unread") this.conversations.set(frame.conversation, { ...known, marked_unread: frame.up_to_seq > 0 });
    if (frame.state !== "read") return;
    const read_ordinal = Math.max(known.read_ordinal, frame.up_to_ordinal ?? 0);
    this.conversations.set(frame.conversation, { ...known, read_ordinal });
  }

  private opened(conversation: string, event: EventItem): Listed | null {
    const place = { conversation, marked_unread: false, head_seq: 0, head_ordinal: event.ordinal, read_ordinal: event.ordinal, active_at_ms: event.at_ms, last: null };
    if (event.kind === "conversation_created") {
      const { conversation_kind, title } = event;
      const members = event.members ?? [];
      const direct = conversation_kind === "direct";
      const others = [event.user, ...members.map((member) => member.user)].filter((user) => user !== this.user);
      const own = event.user === this.user ? "owner" : "member";
      const role = members.find((member) => member.user === this.user)?.role ?? (direct ? "member" : own);
      return { ...place, conversation_kind, title, role, peer: direct ? (others[0] ?? null) : null, complete: true };
    }
    if (event.kind === "member_added" && event.member === this.user)
      return { ...place, conversation_kind: "group", title: "", role: event.role, peer: null, complete: false };
    return null;
  }

  /** Null: the user is no member any more. */
  private fold(listed: Listed, event: EventItem): Listed | null {
    const active = !QUIET.has(event.kind);
    const newer = event.seq > listed.head_seq;
    const head_seq = Math.max(listed.head_seq, event.seq);
    const head_ordinal = Math.max(listed.head_ordinal, event.ordinal);
    const base = { ...listed, head_seq, head_ordinal, active_at_ms: newer && active ? event.at_ms : listed.active_at_ms };
    const mine = event.user === this.user;
    switch (event.kind) {
      case "message_sent": {
        const last = event.seq > (listed.last?.seq ?? 0) ? messageOf(event) : listed.last;
        return { ...base, last, read_ordinal: mine ? Math.max(base.read_ordinal, event.ordinal) : base.read_ordinal };
      }
      case "message_edited":
      case "message_recalled":
      case "reaction_added":
      case "reaction_removed":
        return { ...base, last: listed.last === null ? null : foldMessage(listed.last, event) };
      case "read_marked":
        return mine ? { ...base, read_ordinal: Math.max(base.read_ordinal, event.up_to_ordinal) } : base;
      case "conversation_renamed":
        return { ...base, title: event.title };
      case "role_changed":
        return event.member === this.user ? { ...base, role: event.role } : base;
      case "member_left":
        return mine && newer ? null : base;
      case "member_removed":
        return event.member === this.user && newer ? null : base;
      case "member_banned":
        return event.member === this.user && newer ? null : base;
      case "role_dropped":
        return listed.role === event.role ? { ...base, role: "member" } : base;
      default:
        return base;
    }
  }
}
