// Push: where this device is reached while it is away, what the user wants of pushes, and the browser's own subscription (Web Push).

import type { PushMode } from "./groups.js";
import { pathOf, withQuery, type Http } from "./http.js";

/** A push channel that is open at this node. `application_server_key`: what a browser subscribes with; webpush only. */
export interface PushChannelInfo {
  readonly channel: string;
  readonly application_server_key: string | null;
}

export interface PushDevice {
  readonly device: string;
  readonly channel: string;
  readonly app: string;
  readonly locale: string;
  readonly registered_at_ms: number;
  readonly this_device: boolean;
}

/** Quiet from `quiet_from` until `quiet_until` ("22:00", "07:30") in `time_zone`; the same twice: never. */
export interface PushSettings {
  readonly time_zone: string;
  readonly quiet_from: string;
  readonly quiet_until: string;
  /** What comes all the same. */
  readonly quiet_lets: readonly ("mentions" | "calls")[];
  /** Whether a push says who wrote what. */
  readonly content_shown: boolean;
  readonly badge: boolean;
  readonly alert_on: "all" | "last_used";
  /** Empty: the device's. */
  readonly locale: string;
}

/** What the user is called by where the app's owner pushes to an audience. */
export interface PushLabels {
  readonly tags: readonly string[];
  readonly alias: string;
}

export interface MyPush {
  readonly settings: PushSettings;
  readonly labels: PushLabels;
  readonly devices: readonly PushDevice[];
}

export type PushState = "accepted" | "rejected" | "invalidated" | "expired" | "suppressed" | "withdrawn" | "retrying" | "received";
/** What became of one push. `device` and `channel` empty: nothing was sent, `reason` says why. */
export interface PushResultItem {
  readonly push_id: string;
  readonly conversation: string;
  readonly from_seq: number;
  readonly to_seq: number;
  readonly purpose: "message" | "call" | "campaign";
  readonly ref: string;
  readonly device: string;
  readonly channel: string;
  readonly state: PushState;
  readonly reason: string;
  readonly tries: number;
  readonly at_ms: number;
}

/** `device`: as in the session's hello; empty: the one that signed in. Raises (all calls): RestError, Unreachable. */
export class PushCalls {
  constructor(private readonly http: Http) {}

  /** Which push channels may be registered here; without being signed in. */
  async channels(): Promise<readonly PushChannelInfo[]> {
    return (await this.http.call<{ channels: PushChannelInfo[] }>("GET", "/v1/push/channels", undefined, { authorized: false })).channels;
  }

  mine(device = ""): Promise<MyPush> {
    return this.http.call("GET", withQuery("/v1/me/push", { device: device || null }));
  }

  /** The token is this device's and nobody else's. The same again changes nothing. */
  register(channel: string, token: string, device = "", locale = "en", app = ""): Promise<{ readonly channel: string; readonly token_id: string }> {
    return this.http.call("PUT", pathOf("me", "push", "tokens", channel), { token, device, locale, app });
  }

  async remove(channel: string, device = ""): Promise<void> {
    await this.http.call("DELETE", withQuery(pathOf("me", "push", "tokens", channel), { device: device || null }));
  }

  /** What is not given stays as it is. */
  setSettings(push_settings: Partial<PushSettings>): Promise<PushSettings> {
    return this.http.call("PUT", "/v1/me/push/settings", push_settings);
  }

  setLabels(tags: readonly string[], alias = ""): Promise<PushLabels> {
    return this.http.call("PUT", "/v1/me/push/labels", { tags, alias });
  }

  /** Everywhere; a conversation's own is `groups.pushMode`. */
  mode(): Promise<PushMode> {
    return this.http.call("GET", "/v1/me/push/mode");
  }

  setMode(mode: PushMode["mode"], until_ms = 0): Promise<PushMode> {
    return this.http.call("PUT", "/v1/me/push/mode", { mode, until_ms });
  }

  /** The newest first, of the last days. */
  async results(limit = 50): Promise<readonly PushResultItem[]> {
    return (await this.http.call<{ results: PushResultItem[] }>("GET", withQuery("/v1/me/push/results", { limit }))).results;
  }

  /** The device's own word that a push arrived; the ticket stands for a token. */
  async received(ticket: string): Promise<void> {
    await this.http.call("POST", "/v1/push/received", { ticket }, { authorized: false });
  }
}

/**
 * The browser's subscription, registered for this device: `subscribe` after the user said yes (it asks for the permission), `refresh` at
 * every start and when the service worker hears `pushsubscriptionchange`, `forget` before signing out.
 */
export class BrowserPush {
  constructor(
    private readonly calls: PushCalls,
    private readonly device: string,
    private readonly locale = "en",
  ) {}

  /**
   * Whether pushes come now. False: the user or the browser does not want any, or this site has no Web Push.
   *
   * Raises: RestError, Unreachable; DOMException of the browser where its push service cannot be reached.
   */
  async subscribe(registration: ServiceWorkerRegistration, channel?: PushChannelInfo): Promise<boolean> {
    const found = channel ?? (await this.calls.channels()).find((each) => each.channel === "webpush");
    if (!found?.application_server_key || !("pushManager" in registration)) return false;
    if ((await Notification.requestPermission()) !== "granted") return false;
    const key = found.application_server_key;
    const before = await registration.pushManager.getSubscription();
    if (before !== null && !isOf(before, key)) await before.unsubscribe(); // the site has another key now
    const options = { userVisibleOnly: true, applicationServerKey: key };
    await this.registered(before !== null && isOf(before, key) ? before : await registration.pushManager.subscribe(options));
    return true;
  }

  /** Registers once more what the browser has subscribed; false: it has nothing. */
  async refresh(registration: ServiceWorkerRegistration): Promise<boolean> {
    const subscription = await registration.pushManager?.getSubscription();
    if (!subscription) return false;
    await this.registered(subscription);
    return true;
  }

  /** The device gets nothing any more: not from the edge, and nothing that is on its way. */
  async forget(registration: ServiceWorkerRegistration): Promise<void> {
    const subscription = await registration.pushManager?.getSubscription();
    await Promise.all([this.calls.remove("webpush", this.device), subscription?.unsubscribe()]);
  }

  private async registered(subscription: PushSubscription): Promise<void> {
    await this.calls.register("webpush", JSON.stringify(subscription), this.device, this.locale);
  }
}

function isOf(subscription: PushSubscription, key: string): boolean {
  const bytes = subscription.options.applicationServerKey;
  if (bytes === null) return false;
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "") === key;
}
