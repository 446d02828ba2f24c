import type { PushMode } from "./groups.js";
import { type Http } from "./http.js";
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
export declare class PushCalls {
    private readonly http;
    constructor(http: Http);
    /** Which push channels may be registered here; without being signed in. */
    channels(): Promise<readonly PushChannelInfo[]>;
    mine(device?: string): Promise<MyPush>;
    /** The token is this device's and nobody else's. The same again changes nothing. */
    register(channel: string, token: string, device?: string, locale?: string, app?: string): Promise<{
        readonly channel: string;
        readonly token_id: string;
    }>;
    remove(channel: string, device?: string): Promise<void>;
    /** What is not given stays as it is. */
    setSettings(push_settings: Partial<PushSettings>): Promise<PushSettings>;
    setLabels(tags: readonly string[], alias?: string): Promise<PushLabels>;
    /** Everywhere; a conversation's own is `groups.pushMode`. */
    mode(): Promise<PushMode>;
    setMode(mode: PushMode["mode"], until_ms?: number): Promise<PushMode>;
    /** The newest first, of the last days. */
    results(limit?: number): Promise<readonly PushResultItem[]>;
    /** The device's own word that a push arrived; the ticket stands for a token. */
    received(ticket: string): Promise<void>;
}
/**
 * The browser's subscription, registered for this device: `subscribe` after the user said yes (it asks for the permission), `refresh` at
 * every start and when the service worker hears `pushsubscriptionchange`, `forget` before signing out.
 */
export declare class BrowserPush {
    private readonly calls;
    private readonly device;
    private readonly locale;
    constructor(calls: PushCalls, device: string, locale?: string);
    /**
     * Whether pushes come now. False: the user or the browser does not want any, or this site has no Web Push.
     *
     * Raises: RestError, Unreachable; DOMException of the browser where its push service cannot be reached.
     */
    subscribe(registration: ServiceWorkerRegistration, channel?: PushChannelInfo): Promise<boolean>;
    /** Registers once more what the browser has subscribed; false: it has nothing. */
    refresh(registration: ServiceWorkerRegistration): Promise<boolean>;
    /** The device gets nothing any more: not from the edge, and nothing that is on its way. */
    forget(registration: ServiceWorkerRegistration): Promise<void>;
    private registered;
}
