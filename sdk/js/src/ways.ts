// The ways in: register, and sign in by each method, up to the tokens or to the second factor that is asked for.

import type { Http } from "./http.js";
import { People } from "./people.js";
import { getPasskey, type PasskeyOptions } from "./passkeys.js";
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
export const isSignedIn = (entry: Entry): entry is SignedIn => "access_token" in entry;

export interface Methods {
  readonly password: boolean;
  readonly email: boolean;
  readonly phone: boolean;
  readonly passkey: boolean;
  readonly providers: readonly { readonly id: string; readonly name: string }[];
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

const REMEMBER_KEY = "warbler.remember";

/** Raises (all calls): RestError, Unreachable. A wrong code, password or answer is a RestError 401 that says no more than that. */
export class Ways {
  constructor(
    private readonly http: Http,
    private readonly device: DeviceInfo,
    private readonly store: KeyValueStore,
    private readonly taken: (signed_in: SignedIn) => void,
  ) {}

  /** Which ways this server offers. */
  methods(): Promise<Methods> {
    return this.http.call("GET", "/v1/sign-in/methods", undefined, { authorized: false });
  }

  /** A new user. The tenant may want a second factor of it at once. */
  register(name: string, password: string): Promise<Entry> {
    return this.enter("/v1/register", { name, password });
  }

  /** `name`: the name, or an e-mail address or phone number of the user. */
  password(name: string, password: string): Promise<Entry> {
    return this.enter("/v1/login", { name, password });
  }

  /** Sends a code (and, by e-mail, a link). The answer is the same whether anybody has this address. */
  requestCode(kind: ContactKind, to: string): Promise<{ readonly expires_at_ms: number; readonly retry_after_ms: number }> {
    return this.http.call("POST", "/v1/sign-in/code", { kind, to }, { authorized: false });
  }

  code(kind: ContactKind, to: string, code: string): Promise<Entry> {
    return this.enter("/v1/sign-in/code/confirm", { kind, to, code });
  }

  /** `token`: what stands behind `#link=` in the link that was mailed. */
  link(token: string): Promise<Entry> {
    return this.enter("/v1/sign-in/link", { token });
  }

  /** Where the browser is to go; it comes back to `return_to` with `#handoff=` or `#error=`. */
  providerUrl(provider: string, return_to = "/"): string {
    return `/v1/sign-in/providers/${encodeURIComponent(provider)}/start?return_to=${encodeURIComponent(return_to)}`;
  }

  handoff(handoff: string): Promise<Entry> {
    return this.enter("/v1/sign-in/handoff", { handoff });
  }

  /** Asks the browser for a passkey, whoever's it is; nothing has to be typed. Raises also: what the browser raises (DOMException). */
  async passkey(): Promise<Entry> {
    const asked = await this.http.call<PasskeyOptions>("POST", "/v1/sign-in/passkey/options", {}, { authorized: false });
    return this.enter("/v1/sign-in/passkey", { challenge: asked.challenge, credential: await getPasskey(asked.options) });
  }

  /** Shows a second factor; the policy may want yet another. `remember`: this device needs none the next time. */
  factor(needed: FactorNeeded, proof: Proof, remember = false): Promise<Entry> {
    return this.show({ challenge: needed.challenge, ...proof, remember });
  }

  /** A passkey as the second factor. Raises also: what the browser raises. */
  async passkeyFactor(needed: FactorNeeded, remember = false): Promise<Entry> {
    const { challenge } = needed;
    const asked = await this.http.call<PasskeyOptions>("POST", "/v1/sign-in/factor/options", { challenge }, { authorized: false });
    const credential = await getPasskey(asked.options);
    return this.show({ challenge, kind: "passkey", passkey_challenge: asked.challenge, credential, remember });
  }

  /** Where `enrol` is true: adds the first factor (`enrolTotp` and `confirmTotp`, or `enrolPasskey`); then `enrolled`. */
  enrolling(needed: FactorNeeded): People {
    return new People(this.http.challenged(needed.challenge));
  }

  /** A factor was added on the way: goes in with it. */
  enrolled(needed: FactorNeeded, remember = false): Promise<Entry> {
    return this.show({ challenge: needed.challenge, kind: "enrolled", remember });
  }

  private async show(body: object): Promise<Entry> {
    const entry = await this.http.call<Entry>("POST", "/v1/sign-in/factor", body, { authorized: false });
    return isSignedIn(entry) ? this.take(entry) : entry;
  }

  private async enter(path: string, body: object): Promise<Entry> {
    const remember_token = this.store.getItem(REMEMBER_KEY);
    const device = remember_token === null ? this.device : { ...this.device, remember_token };
    const entry = await this.http.call<Entry>("POST", path, { ...body, device }, { authorized: false });
    return isSignedIn(entry) ? this.take(entry) : entry;
  }

  private take(signed_in: SignedIn): SignedIn {
    if (signed_in.remember_token != null) this.store.setItem(REMEMBER_KEY, signed_in.remember_token);
    this.taken(signed_in);
    return signed_in;
  }
}
