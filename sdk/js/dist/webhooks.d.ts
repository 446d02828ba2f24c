import { type Http } from "./http.js";
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
export declare class AdminWebhooks {
    private readonly http;
    constructor(http: Http);
    /** Tells an address of events from now on. `secret` is shown now and never again. */
    makeWebhook(wishes: WebhookWishes): Promise<Webhook & {
        readonly secret: string;
    }>;
    /** All of them, and what can be subscribed to. */
    webhooks(): Promise<{
        readonly webhooks: readonly Webhook[];
        readonly event_types: readonly string[];
    }>;
    /** With where it stands; null: nothing was begun yet. */
    webhook(webhook: string): Promise<Webhook & {
        readonly standing: WebhookStanding | null;
    }>;
    /** In the place of what it was; it goes on where it stood, and what waits is tried at once. */
    changeWebhook(webhook: string, wishes: WebhookWishes): Promise<Webhook>;
    removeWebhook(webhook: string): Promise<void>;
    /** A new secret; for `keep_ms` it is signed with the older one as well. */
    rotateWebhookSecret(webhook: string, keep_ms?: number): Promise<string>;
    /** Begins anew there: `start`, `end`, a time, `offset:<topic>:<partition>:<n>` or `seq:<conversation>:<n>`. */
    replayWebhook(webhook: string, begin: string): Promise<readonly WebhookPlace[]>;
    /** The last tries, the newest first. */
    webhookDeliveries(webhook: string, delivery_state?: DeliveryState | null, limit?: number): Promise<readonly WebhookDelivery[]>;
    /** What was given up, the newest first. */
    webhookDeadLetters(webhook: string, limit?: number): Promise<readonly WebhookDeadLetter[]>;
    /** The event that stands there once more, beside the order of the others. */
    redeliverToWebhook(webhook: string, { topic, partition, offset }: WebhookPlace): Promise<void>;
}
