// The administrator's interface: users, sign-ins, roles, API keys, policies, and what was decided.

import { AdminRetention } from "./admin_retention.js";
import type { NewCommand } from "./core.js";
import { Http, pathOf, withQuery, type Fetch } from "./http.js";
import type { Factor, Identifier, Profile, SignInItem } from "./people.js";
import type { PushResultItem, PushState } from "./push.js";
import { AdminWebhooks } from "./webhooks.js";

export type UserState = "active" | "frozen" | "deactivated" | "deleted";

export interface MintedToken {
  readonly access_token: string;
  readonly access_expires_at_ms: number;
}
export interface MintedUser extends MintedToken {
  readonly user: string;
  readonly name: string;
}
export interface ListedUser {
  readonly user: string;
  readonly name: string;
  readonly display_name: string;
  readonly user_kind: "person" | "bot" | "service";
  readonly state: UserState;
}
/** `reason`, `changed_at_ms`, `changed_by`: of its state. `role`, `level`: in the tenant. */
export interface UserDetail extends ListedUser {
  readonly reason: string;
  readonly changed_at_ms: number;
  readonly changed_by: string;
  readonly role: string;
  readonly level: number;
  readonly identifiers: readonly Identifier[];
  readonly password: boolean;
  readonly profile: Profile;
}
export interface TenantRole {
  readonly role: string;
  readonly level: number;
  readonly permissions: readonly string[];
  readonly built_in: boolean;
}
/** `permissions`: all there are, each with what it allows. */
export interface TenantRoles {
  readonly roles: readonly TenantRole[];
  readonly holders: readonly { readonly user: string; readonly role: string }[];
  readonly permissions: Readonly<Record<string, string>>;
}
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly maker: string;
  readonly made_at_ms: number;
  readonly expires_at_ms: number;
  readonly revoked_at_ms: number;
  readonly used_at_ms: number;
}
/** Whether it was allowed, and why: `by_seq` is the event that made it so, of the conversation as of `at_seq`. */
export interface Decision {
  readonly allowed: boolean;
  readonly code: string;
  readonly detail: string;
  readonly by_seq: number;
  readonly at_seq: number;
  readonly since_ms: number;
  readonly by_time: boolean;
}
export type PushAudience = "all" | "tags" | "alias" | "users";
/** A push to an audience. Times of what did not happen are 0. `users`: for how many it was asked for, once it is finished. */
export interface Push {
  readonly campaign: string;
  readonly state: "scheduled" | "running" | "finished" | "cancelled" | "expired";
  readonly audience: PushAudience;
  readonly audience_of: readonly string[];
  readonly title: string;
  readonly body: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly made_at_ms: number;
  readonly send_at_ms: number;
  readonly deadline_ms: number;
  readonly by: string;
  readonly started_at_ms: number;
  readonly finished_at_ms: number;
  readonly cancelled_at_ms: number;
  readonly cancelled_by: string;
  readonly users: number;
}
/** `channel`: the push channel; empty where none was chosen. */
export interface PushCount {
  readonly channel: string;
  readonly state: PushState;
  readonly reason: string;
  readonly count: number;
}
export interface PushDetail extends Push {
  readonly states: Readonly<Record<string, number>>;
  readonly counts: readonly PushCount[];
}
/** `latencies`: within how many milliseconds half, and 99 of 100 answers came; null: later than 30 s. */
export interface PushStats {
  readonly since_ms: number;
  readonly states: Readonly<Record<string, number>>;
  readonly counts: readonly PushCount[];
  readonly latencies: readonly { readonly channel: string; readonly answers: number; readonly p50_ms: number | null; readonly p99_ms: number | null }[];
}
/** As an administrator sees it. `send_key`: of one send, the same in every try. */
export interface AdminPushResult extends PushResultItem {
  readonly user: string;
  readonly token_id: string;
  readonly send_key: string;
  readonly vendor_status: number;
  readonly vendor_code: string;
  readonly latency_ms: number;
}
/** `campaign`: an id of yours, a UUIDv7: asked again, it is the same push. */
export interface NewPush {
  readonly audience: PushAudience;
  readonly audience_of?: readonly string[];
  readonly title: string;
  readonly body?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly send_at_ms?: number;
  readonly ttl_ms?: number;
  readonly campaign?: string;
}
type Omitted<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Raises (all calls): RestError (403 where the key or role does not reach so far), Unreachable. Every call stands in the log. */
export class Admin {
  readonly hooks: AdminWebhooks;
  /** How long content is kept, and legal holds. */
  readonly retention: AdminRetention;
  private readonly http: Http;

  /** `key`: an API key, the node's admin key, or the access token of a user with a tenant role. */
  constructor(url: string, key: string | (() => Promise<string>), call: Fetch = (address, init) => globalThis.fetch(address, init)) {
    const base = url.replace(/\/$/, "");
    this.http = new Http(() => base, call, typeof key === "string" ? () => Promise.resolve(key) : key);
    this.hooks = new AdminWebhooks(this.http);
    this.retention = new AdminRetention(this.http);
  }

  // ---- users

  /** Users without a password, each with a token; a name that exists gives its user. Shape: at most 1,000 names. */
  async makeUsers(names: readonly string[]): Promise<readonly MintedUser[]> {
    const users = names.map((name) => ({ name }));
    return (await this.http.call<{ users: MintedUser[] }>("POST", "/v1/admin/users", { users })).users;
  }

  /** A user that never signs in; its tokens come from `mintToken`. */
  makeBot(name: string, kind: "bot" | "service" = "bot"): Promise<{ readonly user: string; readonly name: string }> {
    return this.http.call("POST", "/v1/admin/bots", { name, kind });
  }

  users(q: string | null = null, state: UserState | null = null, after: string | null = null): Promise<{ readonly users: readonly ListedUser[]; readonly next: string | null }> {
    return this.http.call("GET", withQuery("/v1/admin/users", { q, state, after }));
  }

  user(user: string): Promise<UserDetail> {
    return this.http.call("GET", pathOf("admin", "users", user));
  }

  changeUser(user: string, change: Partial<Profile>): Promise<Profile> {
    return this.http.call("PATCH", pathOf("admin", "users", user), change);
  }

  /** Closes its sessions everywhere. `reason` stays in the log: nothing personal. */
  async freeze(user: string, reason = ""): Promise<void> {
    await this.http.call("POST", pathOf("admin", "users", user, "freeze"), { reason });
  }

  async unfreeze(user: string, reason = ""): Promise<void> {
    await this.http.call("POST", pathOf("admin", "users", user, "unfreeze"), { reason });
  }

  /** A user that deactivated itself is there again. */
  async restore(user: string, reason = ""): Promise<void> {
    await this.http.call("POST", pathOf("admin", "users", user, "restore"), { reason });
  }

  /** For good: what is personal is gone. */
  async deleteUser(user: string): Promise<void> {
    await this.http.call("DELETE", pathOf("admin", "users", user));
  }

  // ---- sign-ins, tokens, factors

  mintToken(user: string, ttl_ms?: number): Promise<MintedToken> {
    return this.http.call("POST", pathOf("admin", "users", user, "tokens"), ttl_ms === undefined ? {} : { ttl_ms });
  }

  async revokeToken(access_token: string): Promise<void> {
    await this.http.call("POST", "/v1/admin/tokens/revoke", { access_token });
  }

  async signIns(user: string): Promise<readonly SignInItem[]> {
    return (await this.http.call<{ sign_ins: SignInItem[] }>("GET", pathOf("admin", "users", user, "sign-ins"))).sign_ins;
  }

  async endSignIn(user: string, sign_in: string): Promise<void> {
    await this.http.call("DELETE", pathOf("admin", "users", user, "sign-ins", sign_in));
  }

  async endSignIns(user: string): Promise<number> {
    return (await this.http.call<{ ended: number }>("DELETE", pathOf("admin", "users", user, "sign-ins"))).ended;
  }

  factors(user: string): Promise<{ readonly factors: readonly Factor[]; readonly recovery_codes_left: number }> {
    return this.http.call("GET", pathOf("admin", "users", user, "factors"));
  }

  async removeFactor(user: string, factor: string): Promise<void> {
    await this.http.call("DELETE", pathOf("admin", "users", user, "factors", factor));
  }

  // ---- roles, keys, policies

  roles(): Promise<TenantRoles> {
    return this.http.call("GET", "/v1/admin/roles");
  }

  /** Only below one's own level, and only with one's own permissions. */
  async defineRole(role: string, level: number, permissions: readonly string[]): Promise<void> {
    await this.http.call("PUT", pathOf("admin", "roles", role), { level, permissions });
  }

  async dropRole(role: string): Promise<void> {
    await this.http.call("DELETE", pathOf("admin", "roles", role));
  }

  async giveRole(user: string, role: string): Promise<void> {
    await this.http.call("PUT", pathOf("admin", "users", user, "role"), { role });
  }

  /** `key` is shown now and never again. */
  makeKey(name: string, scopes: readonly string[], ttl_ms?: number): Promise<{ readonly id: string; readonly key: string; readonly expires_at_ms: number }> {
    return this.http.call("POST", "/v1/admin/keys", { name, scopes, ...(ttl_ms === undefined ? {} : { ttl_ms }) });
  }

  async keys(): Promise<readonly ApiKey[]> {
    return (await this.http.call<{ keys: ApiKey[] }>("GET", "/v1/admin/keys")).keys;
  }

  async revokeKey(key: string): Promise<void> {
    await this.http.call("DELETE", pathOf("admin", "keys", key));
  }

  async policies(): Promise<Readonly<Record<string, Readonly<Record<string, unknown>>>>> {
    return (await this.http.call<{ policies: Record<string, Record<string, unknown>> }>("GET", "/v1/admin/policies")).policies;
  }

  /** What is not given has its default. */
  async setPolicy(policy: string, value: Readonly<Record<string, unknown>>): Promise<void> {
    await this.http.call("PUT", pathOf("admin", "policies", policy), { value });
  }

  // ---- what happened, and why

  /** What administrators did, from the log. */
  events(after: string | null = null): Promise<{ readonly events: readonly Readonly<Record<string, unknown>>[]; readonly next: string | null }> {
    return this.http.call("GET", withQuery("/v1/admin/events", { after }));
  }

  /** Could the user do this there and then, and by which event. */
  could(user: string, action: string, conversation: string, at_ms: number | null = null): Promise<Decision> {
    return this.http.call("GET", withQuery("/v1/admin/decisions", { user, action, conversation, at_ms }));
  }

  conversation(conversation: string): Promise<Readonly<Record<string, unknown>>> {
    return this.http.call("GET", pathOf("admin", "conversations", conversation));
  }

  /** Gives a command as one of the conversation's members. */
  command(conversation: string, as_user: string, command: Omitted<NewCommand, "conversation">): Promise<{ readonly seq: number; readonly at_ms: number }> {
    return this.http.call("POST", pathOf("admin", "conversations", conversation, "commands"), { as_user, command });
  }
  // ---- pushes to an audience

  /** To everybody with a token, who has one of the tags, an alias, or these users; now, or from `send_at_ms` on. */
  sendPush(push: NewPush): Promise<Push> {
    return this.http.call("POST", "/v1/admin/pushes", push);
  }

  /** The newest first. */
  pushes(after: string | null = null): Promise<{ readonly pushes: readonly Push[]; readonly next: string | null }> {
    return this.http.call("GET", withQuery("/v1/admin/pushes", { after }));
  }

  /** How far it is, and what became of it. */
  push(campaign: string): Promise<PushDetail> {
    return this.http.call("GET", pathOf("admin", "pushes", campaign));
  }

  /** What was not sent yet is not sent. */
  async cancelPush(campaign: string): Promise<void> {
    await this.http.call("DELETE", pathOf("admin", "pushes", campaign));
  }

  pushStats(hours = 24): Promise<PushStats> {
    return this.http.call("GET", withQuery("/v1/admin/push/stats", { hours }));
  }

  /** The last ones, the newest first. */
  async pushResults(user: string | null = null, state: PushState | null = null, channel: string | null = null): Promise<readonly AdminPushResult[]> {
    return (await this.http.call<{ results: AdminPushResult[] }>("GET", withQuery("/v1/admin/push/results", { user, state, channel }))).results;
  }

  /** What the user is called by for audiences, in the place of what it was. */
  async labelForPushes(user: string, tags: readonly string[] = [], alias = ""): Promise<void> {
    await this.http.call("PUT", pathOf("admin", "users", user, "push-labels"), { tags, alias });
  }
}
