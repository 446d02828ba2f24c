// Friends: requests, answers, blocks (commands of the direct conversation), notes on people, invitations.

import type { NewCommand } from "./core.js";
import type { RosterEntry } from "./frames.js";
import { pathOf, withQuery, type Http } from "./http.js";

/** `full`: everything, what is not in its pages is no more; else what changed since the asked version. */
export interface RosterPage {
  readonly version: string;
  readonly full: boolean;
  readonly entries: readonly RosterEntry[];
  readonly next: string | null;
}

export interface Invitation {
  readonly conversation: string;
  readonly title: string;
  /** Who did the last step. */
  readonly by: string;
  readonly state: "invited" | "applied" | "joined" | "declined" | "withdrawn";
  readonly reason: string;
  readonly at_ms: number;
}

export interface Invitations {
  readonly invitations: readonly Invitation[];
  readonly applications: readonly Invitation[];
}

/** The part of it that is REST. Raises (all calls): RestError, Unreachable. */
export class FriendCalls {
  constructor(private readonly http: Http) {}

  /** A page; `Client.roster` keeps the whole. */
  rosterPage(since: string, after: string | null = null): Promise<RosterPage> {
    return this.http.call("GET", withQuery("/v1/me/roster", { since: since || null, after }));
  }

  /** What the user calls this person, and how it sorts it; nobody else sees it. */
  async note(user: string, alias: string, tags: readonly string[] = []): Promise<void> {
    await this.http.call("PUT", pathOf("me", "roster", user), { alias, tags });
  }

  invitations(): Promise<Invitations> {
    return this.http.call("GET", "/v1/me/invitations");
  }

  /** Whether a message to this user would be taken now, and if not, why. */
  mayMessage(user: string): Promise<{ readonly allowed: boolean; readonly code: string | null }> {
    return this.http.call("GET", pathOf("users", user, "may-message"));
  }

  /** What this user asks of who wants to be its friend. */
  question(user: string): Promise<{ readonly question: string | null; readonly requests: "everyone" | "question" | "nobody" }> {
    return this.http.call("GET", pathOf("users", user, "friend-question"));
  }
}

type Command<T> = (frame: NewCommand) => Promise<T>;

/** The commands. Each resolves when it is committed. Raises: Rejected (blocked, already_friends, no_request, …), ClientClosed. */
export class Friends<T> {
  constructor(private readonly command: Command<T>) {}

  request(member: string, text = ""): Promise<T> {
    return this.command({ type: "request_friend", conversation: "", member, text });
  }

  accept(member: string, text = ""): Promise<T> {
    return this.command({ type: "answer_friend_request", conversation: "", member, accept: true, text });
  }

  decline(member: string, text = ""): Promise<T> {
    return this.command({ type: "answer_friend_request", conversation: "", member, accept: false, text });
  }

  remove(member: string): Promise<T> {
    return this.command({ type: "remove_friend", conversation: "", member });
  }

  /** Holds for the very next message, call and look; the other is not told. */
  block(member: string): Promise<T> {
    return this.command({ type: "block_user", conversation: "", member });
  }

  unblock(member: string): Promise<T> {
    return this.command({ type: "unblock_user", conversation: "", member });
  }
}
