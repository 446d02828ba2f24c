// The REST face: accounts and what is not sent over the WebSocket. Shell around fetch.

import { RestError, Unreachable } from "./errors.js";
import type { ConversationKind, FrameMember, Role } from "./frames.js";

export interface SignedIn {
  readonly user: string;
  readonly name: string;
  readonly access_token: string;
  readonly access_expires_at_ms: number;
  /** Absent for a token that an administrator minted. */
  readonly refresh_token?: string;
}

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
}

/** What others may see of the user. `contacts`: who shares a direct conversation with it. */
export interface Privacy {
  readonly receipts: boolean;
  readonly presence: "everyone" | "contacts" | "nobody";
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

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const TIMEOUT_MS = 15_000;
export const USERS_AT_ONCE = 100; // of some 23 characters each, in one URL

export class Rest {
  /** `token`: gives a good access token, for the calls that need one. Raises (all calls): RestError, Unreachable. */
  constructor(
    private readonly base: () => string,
    private readonly fetch: Fetch,
    private readonly token: () => Promise<string>,
  ) {}

  register(name: string, password: string): Promise<SignedIn> {
    return this.call("POST", "/v1/register", { name, password }, false);
  }

  login(name: string, password: string): Promise<SignedIn> {
    return this.call("POST", "/v1/login", { name, password }, false);
  }

  refresh(refresh_token: string): Promise<SignedIn> {
    return this.call("POST", "/v1/refresh", { refresh_token }, false);
  }

  async logout(refresh_token: string): Promise<void> {
    await this.call("POST", "/v1/logout", { refresh_token }, false);
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
    return this.call("GET", `/v1/users/by-name/${encodeURIComponent(name)}`);
  }

  /** The same `command_id` makes a retry harmless. */
  createConversation(body: {
    readonly conversation_kind: ConversationKind;
    readonly title: string;
    readonly members: readonly FrameMember[];
    readonly command_id?: string;
  }): Promise<{ readonly conversation: string; readonly seq: number }> {
    return this.call("POST", "/v1/conversations", body);
  }

  /** All members, by as many pages as it takes. */
  async members(conversation: string): Promise<MemberItem[]> {
    const found: MemberItem[] = [];
    let after: string | null = null;
    do {
      const query: string = after === null ? "" : `&after=${encodeURIComponent(after)}`;
      const path = `/v1/conversations/${encodeURIComponent(conversation)}/members?limit=1000${query}`;
      const page = await this.call<{ members: MemberItem[]; next: string | null }>("GET", path);
      found.push(...page.members);
      after = page.next;
    } while (after !== null);
    return found;
  }

  privacy(): Promise<Privacy> {
    return this.call("GET", "/v1/me/privacy");
  }

  setPrivacy(privacy: Privacy): Promise<Privacy> {
    return this.call("PUT", "/v1/me/privacy", privacy);
  }

  /** Where a message was and when, down to each member's devices. */
  journey(conversation: string, seq: number): Promise<Journey> {
    return this.call("GET", `/v1/messages/${encodeURIComponent(conversation)}/${seq}/journey`);
  }

  private async call<T>(method: string, path: string, body?: unknown, authorized = true): Promise<T> {
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    if (authorized) headers["Authorization"] = `Bearer ${await this.token()}`;
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) };
    if (body !== undefined) init.body = JSON.stringify(body);
    let response: Response;
    let text: string;
    try {
      response = await this.fetch(this.base() + path, init);
      text = await response.text();
    } catch (error) {
      throw new Unreachable(String(error)); // fetch raises TypeError or AbortError, whatever was the matter
    }
    const answer = parsed(text);
    if (response.ok) return answer as T;
    const problem = (answer ?? {}) as { code?: string; detail?: string; retryable?: boolean };
    const retryable = problem.retryable ?? response.status >= 500;
    throw new RestError(response.status, problem.code ?? "http", problem.detail ?? `status ${response.status}`, retryable);
  }
}

function parsed(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null; // a proxy's page; the status says enough
    throw error;
  }
}
