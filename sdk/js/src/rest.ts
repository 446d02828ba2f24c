// The REST face: what is not sent over the WebSocket. Each group of calls has a module of its own.

import { CallLists } from "./call_lists.js";
import type { CommandFrame, ConversationKind, FrameMember, FrameSettings, Role } from "./frames.js";
import { FriendCalls } from "./friends.js";
import { GroupCalls } from "./groups.js";
import { Http, pathOf, withQuery } from "./http.js";
import { People } from "./people.js";
import { PushCalls } from "./push.js";
import type { SignedIn } from "./ways.js";

export interface User {
  readonly user: string;
  readonly name: string;
}

export interface MemberItem {
  readonly user: string;
  readonly role: Role;
  readonly joined_seq: number;
  readonly read_seq: number;
  readonly read_ordinal: number;
  readonly nickname?: string | null;
  /** 0: not muted. */
  readonly muted_until_ms?: number;
}

/** What others may see of the user, and ask of it. `contacts`: who shares a direct conversation with it. */
export interface Privacy {
  readonly receipts: boolean;
  readonly presence: "everyone" | "contacts" | "friends" | "nobody";
  /** Who may write without being a friend. */
  readonly strangers: "everyone" | "friends";
  readonly friend_requests: "everyone" | "question" | "nobody";
  readonly friend_question: string;
  /** Whether a search by others finds the user. */
  readonly searchable: boolean;
}

/** `at_ms` null: not known or not yet, `why` says it in words. `by_then`: it had happened at `at_ms`, perhaps earlier. */
export interface JourneyStep {
  readonly step: "received" | "accepted" | "committed" | "projected" | "fanned_out" | "pushed" | "delivered" | "read" | "played";
  readonly at_ms: number | null;
  readonly by_then: boolean;
  readonly node: string | null;
  readonly user: string | null;
  readonly device: string | null;
  readonly why: string | null;
  /** Of a push: through which push channel. */
  readonly channel: string | null;
  /** What became of a push; null: it was asked for. */
  readonly outcome: "accepted" | "rejected" | "invalidated" | "expired" | "suppressed" | "withdrawn" | "retrying" | "received" | null;
}

/** Shape: `steps` in the order of the path, then by user and time. */
export interface Journey {
  readonly conversation: string;
  readonly seq: number;
  readonly user: string;
  readonly device: string;
  readonly members: number;
  readonly members_more: boolean;
  readonly steps: readonly JourneyStep[];
  readonly notes: readonly string[];
}

/** A command's frame without what the address says; its `id` is optional. */
export type GivenCommand = { readonly type: CommandFrame["type"]; readonly id?: string } & Readonly<Record<string, unknown>>;

/** The event that a command became. `seq` 0: taken, and no event came of it. */
export interface Committed {
  readonly conversation: string;
  readonly seq: number;
  readonly at_ms: number;
}

export const USERS_AT_ONCE = 100; // of some 23 characters each, in one URL

/** What needs no session: names, lists, and everything about people. */
export class Rest extends Http {
  readonly people = new People(this);
  readonly friends = new FriendCalls(this);
  readonly groups = new GroupCalls(this);
  readonly push = new PushCalls(this);
  readonly calls = new CallLists(this);

  refresh(refresh_token: string): Promise<SignedIn> {
    return this.call("POST", "/v1/refresh", { refresh_token }, { authorized: false });
  }

  async logout(refresh_token: string): Promise<void> {
    await this.call("POST", "/v1/logout", { refresh_token }, { authorized: false });
  }

  /** Unknown ids are not in the answer. */
  async users(ids: readonly string[]): Promise<User[]> {
    const found: User[] = [];
    for (let start = 0; start < ids.length; start += USERS_AT_ONCE) {
      const some = ids.slice(start, start + USERS_AT_ONCE).map(encodeURIComponent).join(",");
      found.push(...(await this.call<{ users: User[] }>("GET", `/v1/users?ids=${some}`)).users);
    }
    return found;
  }

  userByName(name: string): Promise<User> {
    return this.call("GET", pathOf("users", "by-name", name));
  }

  /** The same `command_id` makes a retry harmless. */
  createConversation(body: {
    readonly conversation_kind: ConversationKind;
    readonly title: string;
    readonly members: readonly FrameMember[];
    readonly settings?: FrameSettings;
    readonly command_id?: string;
  }): Promise<{ readonly conversation: string; readonly seq: number }> {
    return this.call("POST", "/v1/conversations", body);
  }

  /** Any command without a session: of a conversation, or (`user`) about a friend. The same `id` makes a retry harmless. */
  give(about: { readonly conversation: string } | { readonly user: string }, command: GivenCommand): Promise<Committed> {
    const path = "user" in about ? pathOf("users", about.user, "commands") : pathOf("conversations", about.conversation, "commands");
    return this.call("POST", path, { command });
  }

  /** All members, by as many pages as it takes. */
  members(conversation: string): Promise<MemberItem[]> {
    type Members = { members: MemberItem[]; next: string | null };
    return this.pages<Members, MemberItem>(withQuery(pathOf("conversations", conversation, "members"), { limit: 1000 }), (page) => page.members);
  }

  privacy(): Promise<Privacy> {
    return this.call("GET", "/v1/me/privacy");
  }

  /** What is not given stays as it is. */
  setPrivacy(privacy: Partial<Privacy>): Promise<Privacy> {
    return this.call("PUT", "/v1/me/privacy", privacy);
  }

  /** Where a message was and when, down to each member's devices. */
  journey(conversation: string, seq: number): Promise<Journey> {
    return this.call("GET", pathOf("messages", conversation, seq, "journey"));
  }
}
