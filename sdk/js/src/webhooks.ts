// Webhooks: addresses that hear of events, and what became of deliveries. A part of Admin.

import { pathOf, withQuery, type Http } from "./http.js";

export type WebhookState = "live" | "paused" | "disabled";
export type DeliveryState = "delivered" | "retrying" | "given_up";

/** `types`, `conversations`: empty for all. `enabled` false: it pauses. */
export interface WebhookWishes {
  readonly url: string;
  readonly about?: string;
  readonly types?: readonly string[];
  readonly conversations?: readonly string[];
  readonly enabled?: boolean;
}

/** `secrets`: with how many it is signed. */
export interface Webhook extends Required<Omit<WebhookWishes, "enabled">> {
  readonly webhook: string;
  readonly state: WebhookState;
  readonly version: number;
  readonly changed_at_ms: number;
  readonly changed_by: string;
  readonly begin_ms: number;
  readonly disabled_reason: string;
  readonly disabled_at_ms: number;
  readonly secrets: number;
}

/** Moments; 0: never. `lag`: records of its topics to look at; `behind`: conversations that wait. */
export interface WebhookStanding {
  readonly lag: number;
  readonly behind: number;
  readonly failures_row: number;
  readonly failing_since_ms: number;
  readonly taken_ms: number;
  readonly next_try_ms: number;
}

export interface WebhookPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface WebhookDeadLetter extends WebhookPlace {
  readonly delivery: string;
  readonly type: string;
  readonly conversation: string;
  readonly tries: number;
  readonly status: number;
  readonly reason: string;
  readonly first_ms: number;
  readonly at_ms: number;
}

/** One try. `status` 0: no answer came, and `reason` says why. `again`: it was replayed or redelivered. */
export interface WebhookDelivery extends Omit<WebhookDeadLetter, "first_ms"> {
  readonly state: DeliveryState;
  readonly latency_ms: number;
  readonly next_ms: number;
  readonly again: boolean;
}

/** Needs the permissions webhooks.read and webhooks.manage. */
export class AdminWebhooks {
  constructor(private readonly http: Http) {}

  /** Tells an address of events from now on. `secret` is shown now and never again. */
  makeWebhook(wishes: WebhookWishes): Promise<Webhook & { readonly secret: string }> {
    return this.http.call("POST", "/v1/admin/webhooks", wishes);
  }

  /** All of them, and what can be subscribed to. */
  webhooks(): Promise<{ readonly webhooks: readonly Webhook[]; readonly event_types: readonly string[] }> {
    return this.http.call("GET", "/v1/admin/webhooks");
  }

  /** With where it stands; null: nothing was begun yet. */
  webhook(webhook: string): Promise<Webhook & { readonly standing: WebhookStanding | null }> {
    return this.http.call("GET", pathOf("admin", "webhooks", webhook));
  }

  /** In the place of what it was; it goes on where it stood, and what waits is tried at once. */
  changeWebhook(webhook: string, wishes: WebhookWishes): Promise<Webhook> {
    return this.http.call("PUT", pathOf("admin", "webhooks", webhook), wishes);
  }

  async removeWebhook(webhook: string): Promise<void> {
    await this.http.call("DELETE", pathOf("admin", "webhooks", webhook));
  }

  /** A new secret; for `keep_ms` it is signed with the older one as well. */
  async rotateWebhookSecret(webhook: string, keep_ms = 86_400_000): Promise<string> {
    return (await this.http.call<{ secret: string }>("POST", pathOf("admin", "webhooks", webhook, "secret"), { keep_ms })).secret;
  }

  /** Begins anew there: `start`, `end`, a time, `offset:<topic>:<partition>:<n>` or `seq:<conversation>:<n>`. */
  async replayWebhook(webhook: string, begin: string): Promise<readonly WebhookPlace[]> {
    return (await this.http.call<{ places: WebhookPlace[] }>("POST", pathOf("admin", "webhooks", webhook, "replay"), { begin })).places;
  }

  /** The last tries, the newest first. */
  async webhookDeliveries(webhook: string, delivery_state: DeliveryState | null = null, limit = 50): Promise<readonly WebhookDelivery[]> {
    const path = withQuery(pathOf("admin", "webhooks", webhook, "deliveries"), { state: delivery_state, limit });
    return (await this.http.call<{ deliveries: WebhookDelivery[] }>("GET", path)).deliveries;
  }

  /** What was given up, the newest first. */
  async webhookDeadLetters(webhook: string, limit = 50): Promise<readonly WebhookDeadLetter[]> {
    const path = withQuery(pathOf("admin", "webhooks", webhook, "dead-letters"), { limit });
    return (await this.http.call<{ dead_letters: WebhookDeadLetter[] }>("GET", path)).dead_letters;
  }

  /** The event that stands there once more, beside the order of the others. */
  async redeliverToWebhook(webhook: string, { topic, partition, offset }: WebhookPlace): Promise<void> {
    await this.http.call("POST", pathOf("admin", "webhooks", webhook, "redeliver"), { topic, partition, offset });
  }
}
