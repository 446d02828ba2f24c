// Push: where this device is reached while it is away, what the user wants of pushes, and the browser's own subscription (Web Push).
import { pathOf, withQuery } from "./http.js";
/** `device`: as in the session's hello; empty: the one that signed in. Raises (all calls): RestError, Unreachable. */
export class PushCalls {
    http;
    constructor(http) {
        this.http = http;
    }
    /** Which push channels may be registered here; without being signed in. */
    async channels() {
        return (await this.http.call("GET", "/v1/push/channels", undefined, { authorized: false })).channels;
    }
    mine(device = "") {
        return this.http.call("GET", withQuery("/v1/me/push", { device: device || null }));
    }
    /** The token is this device's and nobody else's. The same again changes nothing. */
    register(channel, token, device = "", locale = "en", app = "") {
        return this.http.call("PUT", pathOf("me", "push", "tokens", channel), { token, device, locale, app });
    }
    async remove(channel, device = "") {
        await this.http.call("DELETE", withQuery(pathOf("me", "push", "tokens", channel), { device: device || null }));
    }
    /** What is not given stays as it is. */
    setSettings(push_settings) {
        return this.http.call("PUT", "/v1/me/push/settings", push_settings);
    }
    setLabels(tags, alias = "") {
        return this.http.call("PUT", "/v1/me/push/labels", { tags, alias });
    }
    /** Everywhere; a conversation's own is `groups.pushMode`. */
    mode() {
        return this.http.call("GET", "/v1/me/push/mode");
    }
    setMode(mode, until_ms = 0) {
        return this.http.call("PUT", "/v1/me/push/mode", { mode, until_ms });
    }
    /** The newest first, of the last days. */
    async results(limit = 50) {
        return (await this.http.call("GET", withQuery("/v1/me/push/results", { limit }))).results;
    }
    /** The device's own word that a push arrived; the ticket stands for a token. */
    async received(ticket) {
        await this.http.call("POST", "/v1/push/received", { ticket }, { authorized: false });
    }
}
/**
 * The browser's subscription, registered for this device: `subscribe` after the user said yes (it asks for the permission), `refresh` at
 * every start and when the service worker hears `pushsubscriptionchange`, `forget` before signing out.
 */
export class BrowserPush {
    calls;
    device;
    locale;
    constructor(calls, device, locale = "en") {
        this.calls = calls;
        this.device = device;
        this.locale = locale;
    }
    /**
     * Whether pushes come now. False: the user or the browser does not want any, or this site has no Web Push.
     *
     * Raises: RestError, Unreachable; DOMException of the browser where its push service cannot be reached.
     */
    async subscribe(registration, channel) {
        const found = channel ?? (await this.calls.channels()).find((each) => each.channel === "webpush");
        if (!found?.application_server_key || !("pushManager" in registration))
            return false;
        if ((await Notification.requestPermission()) !== "granted")
            return false;
        const key = found.application_server_key;
        const before = await registration.pushManager.getSubscription();
        if (before !== null && !isOf(before, key))
            await before.unsubscribe(); // the site has another key now
        const options = { userVisibleOnly: true, applicationServerKey: key };
        await this.registered(before !== null && isOf(before, key) ? before : await registration.pushManager.subscribe(options));
        return true;
    }
    /** Registers once more what the browser has subscribed; false: it has nothing. */
    async refresh(registration) {
        const subscription = await registration.pushManager?.getSubscription();
        if (!subscription)
            return false;
        await this.registered(subscription);
        return true;
    }
    /** The device gets nothing any more: not from the edge, and nothing that is on its way. */
    async forget(registration) {
        const subscription = await registration.pushManager?.getSubscription();
        await Promise.all([this.calls.remove("webpush", this.device), subscription?.unsubscribe()]);
    }
    async registered(subscription) {
        await this.calls.register("webpush", JSON.stringify(subscription), this.device, this.locale);
    }
}
function isOf(subscription, key) {
    const bytes = subscription.options.applicationServerKey;
    if (bytes === null)
        return false;
    const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
    return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "") === key;
}
