// The own account: who one is, where one is signed in, second factors, profile, settings; and finding other people.

import { pathOf, withQuery, type Http } from "./http.js";
import { createPasskey, getPasskey, type PasskeyOptions } from "./passkeys.js";
import type { ContactKind, FactorKind, Proof } from "./ways.js";

export interface Identifier {
  readonly identifier: string;
  readonly kind: "name" | "email" | "phone" | "external";
  /** As it may be shown: "a…@example.org". */
  readonly shown: string;
}

export interface Me {
  readonly user: string;
  readonly name: string;
  readonly state: "active" | "frozen" | "deactivated" | "deleted";
  /** In the tenant. */
  readonly role: string;
  readonly identifiers: readonly Identifier[];
  /** Whether there is one. */
  readonly password: boolean;
}

/** A device that is signed in. */
export interface SignInItem {
  readonly sign_in: string;
  readonly device: string;
  readonly device_name: string;
  readonly platform: string;
  readonly method: string;
  readonly factors: readonly string[];
  readonly opened_at_ms: number;
  readonly seen_at_ms: number;
  /** It is this one. */
  readonly current: boolean;
}

export interface Factor {
  readonly factor: string;
  readonly kind: FactorKind;
  readonly name: string;
  readonly added_at_ms: number;
  /** 0: never. */
  readonly used_at_ms: number;
}

/** `uri` and `qr_svg` say the same; `secret` is for typing. */
export interface TotpEnrolment {
  readonly factor: string;
  readonly secret: string;
  readonly uri: string;
  readonly qr_svg: string;
}

export interface Profile {
  readonly display_name: string;
  readonly about: string;
  /** A reference to the picture, see `avatarUrl`; empty: none. */
  readonly avatar: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly version: number;
}

export interface Person {
  readonly user: string;
  readonly name: string;
  readonly display_name: string;
  readonly about: string;
  readonly avatar: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface Settings {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly version: number;
}

/** For `stepUp`: a second factor, or the password where there is none. */
export type StepUpProof = { readonly kind: "password"; readonly password: string } | (Proof & { readonly challenge?: string });

/** Raises (all calls): RestError, StepUpNeeded where noted, Unreachable. */
export class People {
  constructor(private readonly http: Http) {}

  me(): Promise<Me> {
    return this.http.call("GET", "/v1/me");
  }

  /** A ticket that opens one session, within seconds, in place of the access token. */
  ticket(): Promise<{ readonly ticket: string; readonly expires_at_ms: number }> {
    return this.http.call("POST", "/v1/ticket", {});
  }

  // ---- where one is signed in

  async signIns(): Promise<readonly SignInItem[]> {
    return (await this.http.call<{ sign_ins: SignInItem[] }>("GET", "/v1/me/sign-ins")).sign_ins;
  }

  /** Signs out there: its sockets close at once. */
  async endSignIn(sign_in: string): Promise<void> {
    await this.http.call("DELETE", pathOf("me", "sign-ins", sign_in));
  }

  /** All but this one; how many they were. */
  async endOtherSignIns(): Promise<number> {
    return (await this.http.call<{ ended: number }>("DELETE", "/v1/me/sign-ins")).ended;
  }

  async changePassword(old_password: string, new_password: string): Promise<void> {
    await this.http.call("PUT", "/v1/me/password", { old: old_password, new: new_password });
  }

  /** Until the next sign-in. */
  async deactivate(): Promise<void> {
    await this.http.call("POST", "/v1/me/deactivate", {});
  }

  /** For good. Raises: StepUpNeeded. */
  async deleteAccount(): Promise<void> {
    await this.http.call("DELETE", "/v1/me");
  }

  /** Sends a code to an address or number that is to be the user's. */
  requestIdentifierCode(kind: ContactKind, to: string): Promise<unknown> {
    return this.http.call("POST", "/v1/me/identifiers/code", { kind, to });
  }

  addIdentifier(kind: ContactKind, to: string, code: string): Promise<{ readonly identifier: string }> {
    return this.http.call("POST", "/v1/me/identifiers", { kind, to, code });
  }

  async removeIdentifier(identifier: string): Promise<void> {
    await this.http.call("DELETE", pathOf("me", "identifiers", identifier));
  }

  // ---- second factors

  factors(): Promise<{ readonly factors: readonly Factor[]; readonly recovery_codes_left: number }> {
    return this.http.call("GET", "/v1/me/factors");
  }

  /** Begins; it counts once `confirmTotp` was given a code of it. */
  enrolTotp(name = ""): Promise<TotpEnrolment> {
    return this.http.call("POST", "/v1/me/factors/totp", { name });
  }

  /** `recovery_codes`: shown this once, with the first factor; null later. */
  confirmTotp(factor: string, code: string): Promise<{ readonly recovery_codes: readonly string[] | null }> {
    return this.http.call("POST", pathOf("me", "factors", "totp", factor, "confirm"), { code });
  }

  /** Makes a passkey in this browser; recovery codes come with the first factor. Raises also: what the browser raises. */
  async enrolPasskey(name = ""): Promise<{ readonly factor: string; readonly recovery_codes: readonly string[] | null }> {
    const asked = await this.http.call<PasskeyOptions>("POST", "/v1/me/passkeys/options", {});
    const credential = await createPasskey(asked.options);
    return this.http.call("POST", "/v1/me/passkeys", { challenge: asked.challenge, credential, name });
  }

  /** Raises: StepUpNeeded. */
  async removeFactor(factor: string): Promise<void> {
    await this.http.call("DELETE", pathOf("me", "factors", factor));
  }

  /** New ones; the old ones are void. Raises: StepUpNeeded. */
  async newRecoveryCodes(): Promise<readonly string[]> {
    return (await this.http.call<{ codes: string[] }>("POST", "/v1/me/recovery-codes", {})).codes;
  }

  /** Shows a factor once more, for what raised StepUpNeeded; good for some minutes. */
  async stepUp(proof: StepUpProof): Promise<void> {
    await this.http.call("POST", "/v1/me/step-up", proof);
  }

  /** The same with a passkey. Raises also: what the browser raises. */
  async stepUpByPasskey(): Promise<void> {
    const asked = await this.http.call<PasskeyOptions>("POST", "/v1/me/step-up/options", {});
    await this.stepUp({ kind: "passkey", challenge: asked.challenge, credential: await getPasskey(asked.options) });
  }

  /** This device of the user, or all, must show a second factor again; how many they were. */
  async forgetDevices(device?: string): Promise<number> {
    const path = device === undefined ? "/v1/me/remembered-devices" : pathOf("me", "remembered-devices", device);
    return (await this.http.call<{ forgotten: number }>("DELETE", path)).forgotten;
  }

  /** The account at a provider signs in as well from now on. Raises: StepUpNeeded. */
  addProvider(handoff: string): Promise<{ readonly identifier: string }> {
    return this.http.call("POST", "/v1/me/identifiers/external", { handoff });
  }

  // ---- profile and settings

  profile(): Promise<Profile> {
    return this.http.call("GET", "/v1/me/profile");
  }

  /** Only what is given changes; an empty `avatar` takes the picture away; `version`: of the profile that was read, so that nobody's change is lost. */
  changeProfile(change: Partial<Profile>): Promise<Profile> {
    return this.http.call("PATCH", "/v1/me/profile", change);
  }

  /** PNG, JPEG or WebP of at most 64 KiB. */
  async setAvatar(picture: Blob | Uint8Array, media_type: string): Promise<void> {
    await this.http.call("PUT", "/v1/me/avatar", picture, { media_type });
  }

  settings(): Promise<Settings> {
    return this.http.call("GET", "/v1/me/settings");
  }

  setSettings(settings: Settings): Promise<Settings> {
    return this.http.call("PUT", "/v1/me/settings", settings);
  }

  // ---- others

  person(user: string): Promise<Person> {
    return this.http.call("GET", pathOf("users", user));
  }

  /** People whose name begins so, and who want to be found. */
  search(q: string, after: string | null = null): Promise<{ readonly users: readonly Person[]; readonly next: string | null }> {
    return this.http.call("GET", withQuery("/v1/users/search", { q, after }));
  }
}

/** Of a user that has a picture. `avatar`: what its profile says, so that a new picture has a new address. */
export const avatarUrl = (user: string, avatar: string): string => `${pathOf("users", user, "avatar")}?v=${encodeURIComponent(avatar)}`;
