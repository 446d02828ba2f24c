// Webhooks: addresses that hear of events, and what became of deliveries. A part of Admin.
import { pathOf, withQuery } from "./http.js";
/** Needs the permissions webhooks.read and webhooks.manage. */
export class AdminWebhooks {
    http;
    constructor(http) {
        this.http = http;
    }
    /** Tells an address of events from now on. `secret` is shown now and never again. */
    makeWebhook(wishes) {
        return this.http.call("POST", "/v1/admin/webhooks", wishes);
    }
    /** All of them, and what can be subscribed to. */
    webhooks() {
        return this.http.call("GET", "/v1/admin/webhooks");
    }
    /** With where it stands; null: nothing was begun yet. */
    webhook(webhook) {
        return this.http.call("GET", pathOf("admin", "webhooks", webhook));
    }
    /** In the place of what it was; it goes on where it stood, and what waits is tried at once. */
    changeWebhook(webhook, wishes) {
        return this.http.call("PUT", pathOf("admin", "webhooks", webhook), wishes);
    }
    async removeWebhook(webhook) {
        await this.http.call("DELETE", pathOf("admin", "webhooks", webhook));
    }
    /** A new secret; for `keep_ms` it is signed with the older one as well. */
    async rotateWebhookSecret(webhook, keep_ms = 86_400_000) {
        return (await this.http.call("POST", pathOf("admin", "webhooks", webhook, "secret"), { keep_ms })).secret;
    }
    /** Begins anew there: `start`, `end`, a time, `offset:<topic>:<partition>:<n>` or `seq:<conversation>:<n>`. */
    async replayWebhook(webhook, begin) {
        return (await this.http.call("POST", pathOf("admin", "webhooks", webhook, "replay"), { begin })).places;
    }
    /** The last tries, the newest first. */
    async webhookDeliveries(webhook, delivery_state = null, limit = 50) {
        const path = withQuery(pathOf("admin", "webhooks", webhook, "deliveries"), { state: delivery_state, limit });
        return (await this.http.call("GET", path)).deliveries;
    }
    /** What was given up, the newest first. */
    async webhookDeadLetters(webhook, limit = 50) {
        const path = withQuery(pathOf("admin", "webhooks", webhook, "dead-letters"), { limit });
        return (await this.http.call("GET", path)).dead_letters;
    }
    /** The event that stands there once more, beside the order of the others. */
    async redeliverToWebhook(webhook, { topic, partition, offset }) {
        await this.http.call("POST", pathOf("admin", "webhooks", webhook, "redeliver"), { topic, partition, offset });
    }
}
