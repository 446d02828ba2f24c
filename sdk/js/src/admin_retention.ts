// How long content is kept, and matters with their legal holds: what needs retention.read, retention.edit or holds.

import { pathOf, withQuery, type Http } from "./http.js";

export type RuleScope = "tenant" | "kind" | "conversation";

/** `target`: empty for the tenant; direct, group or channel; or a conversation. `keep_ms` 0: for ever. */
export interface RetentionRule {
  readonly scope: RuleScope;
  readonly target: string;
  readonly keep_ms: number;
}

/** `conversations`, and all in which one of `users` is or was a member; neither named: everything. `until_ms` 0: without end. */
export interface MatterAbout {
  readonly conversations?: readonly string[];
  readonly users?: readonly string[];
  readonly from_ms?: number;
  readonly until_ms?: number;
}
/** `closed_at_ms` 0: it is open. `reason`: of the last change of its hold. */
export interface Matter extends Required<MatterAbout> {
  readonly matter: string;
  readonly name: string;
  readonly held: boolean;
  readonly reason: string;
  readonly opened_at_ms: number;
  readonly opened_by: string;
  readonly closed_at_ms: number;
}

/** Raises (all calls): as `Admin`, whose part `retention` it is. */
export class AdminRetention {
  constructor(private readonly http: Http) {}

  /** The narrowest rule holds; without any, content is kept for ever. */
  async rules(): Promise<readonly RetentionRule[]> {
    return (await this.http.call<{ rules: RetentionRule[] }>("GET", "/v1/admin/retention")).rules;
  }

  /** What is older goes from what devices read, and cannot be brought back to them. */
  async set(rule_scope: RuleScope, keep_ms: number, target = ""): Promise<void> {
    await this.http.call("PUT", "/v1/admin/retention", { scope: rule_scope, target, keep_ms });
  }

  async drop(rule_scope: RuleScope, target = ""): Promise<void> {
    await this.http.call("DELETE", withQuery("/v1/admin/retention", { scope: rule_scope, target }));
  }

  async matters(): Promise<readonly Matter[]> {
    return (await this.http.call<{ matters: Matter[] }>("GET", "/v1/admin/matters")).matters;
  }

  /** It holds nothing before `hold`. */
  openMatter(name: string, about: MatterAbout = {}): Promise<Matter> {
    return this.http.call("POST", "/v1/admin/matters", { name, ...about });
  }

  /** What it is about from now on. */
  scopeMatter(matter: string, about: MatterAbout): Promise<Matter> {
    return this.http.call("PUT", pathOf("admin", "matters", matter, "scope"), about);
  }

  /** For good; its hold ends. */
  closeMatter(matter: string): Promise<Matter> {
    return this.http.call("POST", pathOf("admin", "matters", matter, "close"));
  }

  /** Nothing that it is about expires. */
  hold(matter: string, reason = ""): Promise<Matter> {
    return this.http.call("PUT", pathOf("admin", "matters", matter, "hold"), { held: true, reason });
  }

  liftHold(matter: string, reason = ""): Promise<Matter> {
    return this.http.call("PUT", pathOf("admin", "matters", matter, "hold"), { held: false, reason });
  }
}
