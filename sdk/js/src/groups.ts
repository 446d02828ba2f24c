// Groups and channels: who may come in and how, roles, mutes, bans, links, announcements.

import type { NewCommand } from "./core.js";
import { linkOf } from "./echo.js";
import type { ConversationKind, FrameSettings, MessageItem, Permission, Role } from "./frames.js";
import { pathOf, withQuery, type Http } from "./http.js";
import { textOf } from "./passkeys.js";

export interface GroupInfo {
  readonly conversation: string;
  readonly conversation_kind: ConversationKind;
  readonly title: string;
  readonly settings: Required<FrameSettings>;
  readonly settings_version: number;
  readonly members_count: number;
  /** The user's own; null: it is no member, and the group is public. */
  readonly role: Role | null;
  readonly muted_all_until_ms: number;
  readonly dissolved: boolean;
  /** What the user's role allows. */
  readonly permissions: readonly Permission[];
}

export interface PublicGroup {
  readonly conversation: string;
  readonly conversation_kind: "group" | "channel";
  readonly title: string;
  readonly settings: Required<FrameSettings>;
}

/** What every entry of a group's lists says. `key`: the user, role or link it is about. */
interface Entry {
  readonly key: string;
  readonly by: string;
  readonly at_ms: number;
}
export interface RoleItem extends Entry {
  readonly level: number;
  readonly permissions: readonly Permission[];
}
/** `until_ms` 0: for ever. */
export interface BanItem extends Entry {
  readonly until_ms: number;
  readonly reason: string;
}
export interface MuteItem extends Entry {
  readonly until_ms: number;
}
export interface LinkItem extends Entry {
  readonly expires_at_ms: number;
  readonly uses_limit: number;
  readonly approval: boolean;
}
/** `link_id`: the link it came by, or empty. */
export interface ApplicationItem extends Entry {
  readonly text: string;
  readonly link_id: string;
}
export interface InvitedItem extends Entry {
  readonly role: Role;
}

export interface Nickname {
  readonly user: string;
  readonly nickname: string;
}

export interface PushMode {
  readonly mode: "all" | "mentions" | "none";
  /** 0: for good. */
  readonly until_ms: number;
}

type Entries<T> = { entries: T[]; next: string | null };

/** What is read, or is not the log's. Raises (all calls): RestError (not_member, not_allowed), Unreachable. */
export class GroupCalls {
  constructor(private readonly http: Http) {}

  /** Of a public group also to who is no member: what it is, and what is asked of who wants to join. */
  info(conversation: string): Promise<GroupInfo> {
    return this.http.call("GET", pathOf("conversations", conversation));
  }

  /** By the beginnings of the words of their titles; empty: all. */
  findPublic(q = "", after: string | null = null): Promise<{ readonly conversations: readonly PublicGroup[]; readonly next: string | null }> {
    return this.http.call("GET", withQuery("/v1/conversations/public", { q, after }));
  }

  roles(conversation: string): Promise<RoleItem[]> {
    return this.all(conversation, "roles");
  }

  bans(conversation: string): Promise<BanItem[]> {
    return this.all(conversation, "bans");
  }

  mutes(conversation: string): Promise<MuteItem[]> {
    return this.all(conversation, "mutes");
  }

  links(conversation: string): Promise<LinkItem[]> {
    return this.all(conversation, "links");
  }

  applications(conversation: string): Promise<ApplicationItem[]> {
    return this.all(conversation, "applications");
  }

  invitations(conversation: string): Promise<InvitedItem[]> {
    return this.all(conversation, "invitations");
  }

  /** Who read one says `Client.receipts`. */
  announcements(conversation: string, before_seq: number | null = null): Promise<{ readonly messages: readonly MessageItem[]; readonly before_seq: number | null }> {
    return this.http.call("GET", withQuery(pathOf("conversations", conversation, "announcements"), { before_seq }));
  }

  /** Empty: none any more. */
  async setNickname(conversation: string, user: string, nickname: string): Promise<void> {
    await this.http.call("PUT", pathOf("conversations", conversation, "nicknames", user), { nickname });
  }

  /** Those of these users who have one. */
  async nicknames(conversation: string, users: readonly string[]): Promise<readonly Nickname[]> {
    const path = withQuery(pathOf("conversations", conversation, "nicknames"), { users: users.join(",") });
    return (await this.http.call<{ nicknames: Nickname[] }>("GET", path)).nicknames;
  }

  pushMode(conversation: string): Promise<PushMode> {
    return this.http.call("GET", pathOf("conversations", conversation, "push-mode"));
  }

  setPushMode(conversation: string, mode: PushMode["mode"], until_ms = 0): Promise<PushMode> {
    return this.http.call("PUT", pathOf("conversations", conversation, "push-mode"), { mode, until_ms });
  }

  /** A QR code as SVG. */
  qr(text: string): Promise<string> {
    return this.http.text("POST", "/v1/qr", { text });
  }

  private all<T>(conversation: string, what: string): Promise<T[]> {
    return this.http.pages<Entries<T>, T>(pathOf("conversations", conversation, what), (page) => page.entries);
  }
}

/** What a link to join says. Its text is `<conversation>.<link>.<secret>`, none of which has a dot. */
export interface JoinLink {
  readonly conversation: string;
  readonly link_id: string;
  readonly secret: string;
}

export const linkText = (link: JoinLink): string => `${link.conversation}.${link.link_id}.${link.secret}`;

/** Null: it is none of ours. */
export function linkFrom(text: string): JoinLink | null {
  const [conversation, link_id, secret, ...more] = text.split(".");
  if (!conversation || !link_id || !secret || more.length > 0) return null;
  return { conversation, link_id, secret };
}

/** 24 random bytes, as text: nobody guesses it. */
export const drawSecret = (): string => textOf(globalThis.crypto.getRandomValues(new Uint8Array(24)));

type Command<T> = (frame: NewCommand) => Promise<T>;

/** The commands. Each resolves when it is committed. Raises: Rejected (not_allowed, muted, dissolved, …), ClientClosed. */
export class Groups<T extends { readonly id: string }> {
  constructor(
    private readonly command: Command<T>,
    private readonly secret: () => string = drawSecret,
  ) {}

  add(conversation: string, member: string, role: Role = "member"): Promise<T> {
    return this.command({ type: "add_member", conversation, member, role });
  }

  remove(conversation: string, member: string): Promise<T> {
    return this.command({ type: "remove_member", conversation, member });
  }

  leave(conversation: string): Promise<T> {
    return this.command({ type: "leave_conversation", conversation });
  }

  rename(conversation: string, title: string): Promise<T> {
    return this.command({ type: "rename_conversation", conversation, title });
  }

  /** Giving `owner` away hands the group over. */
  setRole(conversation: string, member: string, role: Role): Promise<T> {
    return this.command({ type: "change_role", conversation, member, role });
  }

  /** All settings at once. `expected_version` 0: whatever they are now; else refused as `stale_settings` where they are another's. */
  setSettings(conversation: string, settings: FrameSettings, expected_version = 0): Promise<T> {
    return this.command({ type: "change_settings", conversation, settings, expected_version });
  }

  invite(conversation: string, member: string, role: Role = "member"): Promise<T> {
    return this.command({ type: "invite_member", conversation, member, role });
  }

  answerInvitation(conversation: string, accept: boolean): Promise<T> {
    return this.command({ type: "answer_invitation", conversation, accept });
  }

  /** Joins where everybody may, else applies. `text`: the answer to the group's question. */
  apply(conversation: string, text = ""): Promise<T> {
    return this.command({ type: "apply_to_join", conversation, text });
  }

  answerApplication(conversation: string, member: string, accept: boolean, reason = ""): Promise<T> {
    return this.command({ type: "answer_application", conversation, member, accept, reason });
  }

  /** A link that lets in who has it. 0: without end. `approval`: it only lets apply. */
  async createLink(conversation: string, terms: { expires_at_ms?: number; uses_limit?: number; approval?: boolean } = {}): Promise<JoinLink> {
    const secret = this.secret();
    const made = await this.command({ type: "create_link", conversation, secret, ...terms });
    return { conversation, link_id: linkOf(made.id), secret };
  }

  revokeLink(conversation: string, link_id: string): Promise<T> {
    return this.command({ type: "revoke_link", conversation, link_id });
  }

  joinByLink(link: JoinLink, text = ""): Promise<T> {
    return this.command({ type: "join_by_link", ...link, text });
  }

  /** Sends away and keeps away; 0: for ever. */
  ban(conversation: string, member: string, until_ms = 0, reason = ""): Promise<T> {
    return this.command({ type: "ban_member", conversation, member, until_ms, reason });
  }

  unban(conversation: string, member: string): Promise<T> {
    return this.command({ type: "unban_member", conversation, member });
  }

  /** 0: may speak again. */
  mute(conversation: string, member: string, until_ms: number): Promise<T> {
    return this.command({ type: "mute_member", conversation, member, until_ms });
  }

  /** All but who may speak when all are muted; 0: over. */
  muteAll(conversation: string, until_ms: number): Promise<T> {
    return this.command({ type: "mute_all", conversation, until_ms });
  }

  /** A role of this group, or what its `admin` and `member` may do. Levels 1 to 99. */
  defineRole(conversation: string, role: Role, level: number, permissions: readonly Permission[]): Promise<T> {
    return this.command({ type: "define_role", conversation, role, level, permissions });
  }

  /** Who has it becomes a member. */
  dropRole(conversation: string, role: Role): Promise<T> {
    return this.command({ type: "drop_role", conversation, role });
  }

  /** For good: nobody does anything here any more. */
  dissolve(conversation: string): Promise<T> {
    return this.command({ type: "dissolve_conversation", conversation });
  }
}
