import type { Http } from "./http.js";
import { People } from "./people.js";
import type { KeyValueStore } from "./storage.js";
export interface SignedIn {
    readonly user: string;
    readonly name: string;
    readonly access_token: string;
    readonly access_expires_at_ms: number;
    /** Absent for a token that an administrator minted. */
    readonly refresh_token?: string;
    /** Names this sign-in among the user's, see `people.signIns`. */
    readonly sign_in?: string;
    /** A later sign-in on this device needs no second factor. */
    readonly remember_token?: string | null;
}
export type FactorKind = "totp" | "passkey" | "recovery_codes";
/** Not in yet: a second factor is to be shown. `enrol`: the tenant demands one and the user has none, so one is to be made first. */
export interface FactorNeeded {
    readonly challenge: string;
    readonly factors: readonly FactorKind[];
    readonly enrol: boolean;
    readonly expires_at_ms: number;
}
/** What came of a way in; `isSignedIn` tells which. */
export type Entry = SignedIn | FactorNeeded;
export declare const isSignedIn: (entry: Entry) => entry is SignedIn;
export interface Methods {
    readonly password: boolean;
    readonly email: boolean;
    readonly phone: boolean;
    readonly passkey: boolean;
    readonly providers: readonly {
        readonly id: string;
        readonly name: string;
    }[];
}
export type ContactKind = "email" | "phone";
/** A second factor, shown: the six digits or a recovery code, or what the authenticator answered. */
export interface Proof {
    readonly kind: FactorKind;
    readonly code?: string;
    readonly credential?: unknown;
}
export interface DeviceInfo {
    readonly id: string;
    readonly name?: string;
    readonly platform?: "web" | "ios" | "android" | "desktop" | "bot";
    readonly remember_token?: string;
}
/** Raises (all calls): RestError, Unreachable. A wrong code, password or answer is a RestError 401 that says no more than that. */
export declare class Ways {
    private readonly http;
    private readonly device;
    private readonly store;
    private readonly taken;
    constructor(http: Http, device: DeviceInfo, store: KeyValueStore, taken: (signed_in: SignedIn) => void);
    /** Which ways this server offers. */
    methods(): Promise<Methods>;
    /** A new user. The tenant may want a second factor of it at once. */
    register(name: string, password: string): Promise<Entry>;
    /** `name`: the name, or an e-mail address or phone number of the user. */
    password(name: string, password: string): Promise<Entry>;
    /** Sends a code (and, by e-mail, a link). The answer is the same whether anybody has this address. */
    requestCode(kind: ContactKind, to: string): Promise<{
        readonly expires_at_ms: number;
        readonly retry_after_ms: number;
    }>;
    code(kind: ContactKind, to: string, code: string): Promise<Entry>;
    /** `token`: what stands behind `#link=` in the link that was mailed. */
    link(token: string): Promise<Entry>;
    /** Where the browser is to go; it comes back to `return_to` with `#handoff=` or `#error=`. */
    providerUrl(provider: string, return_to?: string): string;
    handoff(handoff: string): Promise<Entry>;
    /** Asks the browser for a passkey, whoever's it is; nothing has to be typed. Raises also: what the browser raises (DOMException). */
    passkey(): Promise<Entry>;
    /** Shows a second factor; the policy may want yet another. `remember`: this device needs none the next time. */
    factor(needed: FactorNeeded, proof: Proof, remember?: boolean): Promise<Entry>;
    /** A passkey as the second factor. Raises also: what the browser raises. */
    passkeyFactor(needed: FactorNeeded, remember?: boolean): Promise<Entry>;
    /** Where `enrol` is true: adds the first factor (`enrolTotp` and `confirmTotp`, or `enrolPasskey`); then `enrolled`. */
    enrolling(needed: FactorNeeded): People;
    /** A factor was added on the way: goes in with it. */
    enrolled(needed: FactorNeeded, remember?: boolean): Promise<Entry>;
    private show;
    private enter;
    private take;
}
