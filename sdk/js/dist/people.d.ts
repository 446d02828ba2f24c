import { type Http } from "./http.js";
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
export type StepUpProof = {
    readonly kind: "password";
    readonly password: string;
} | (Proof & {
    readonly challenge?: string;
});
/** Raises (all calls): RestError, StepUpNeeded where noted, Unreachable. */
export declare class People {
    private readonly http;
    constructor(http: Http);
    me(): Promise<Me>;
    /** A ticket that opens one session, within seconds, in place of the access token. */
    ticket(): Promise<{
        readonly ticket: string;
        readonly expires_at_ms: number;
    }>;
    signIns(): Promise<readonly SignInItem[]>;
    /** Signs out there: its sockets close at once. */
    endSignIn(sign_in: string): Promise<void>;
    /** All but this one; how many they were. */
    endOtherSignIns(): Promise<number>;
    changePassword(old_password: string, new_password: string): Promise<void>;
    /** Until the next sign-in. */
    deactivate(): Promise<void>;
    /** For good. Raises: StepUpNeeded. */
    deleteAccount(): Promise<void>;
    /** Sends a code to an address or number that is to be the user's. */
    requestIdentifierCode(kind: ContactKind, to: string): Promise<unknown>;
    addIdentifier(kind: ContactKind, to: string, code: string): Promise<{
        readonly identifier: string;
    }>;
    removeIdentifier(identifier: string): Promise<void>;
    factors(): Promise<{
        readonly factors: readonly Factor[];
        readonly recovery_codes_left: number;
    }>;
    /** Begins; it counts once `confirmTotp` was given a code of it. */
    enrolTotp(name?: string): Promise<TotpEnrolment>;
    /** `recovery_codes`: shown this once, with the first factor; null later. */
    confirmTotp(factor: string, code: string): Promise<{
        readonly recovery_codes: readonly string[] | null;
    }>;
    /** Makes a passkey in this browser; recovery codes come with the first factor. Raises also: what the browser raises. */
    enrolPasskey(name?: string): Promise<{
        readonly factor: string;
        readonly recovery_codes: readonly string[] | null;
    }>;
    /** Raises: StepUpNeeded. */
    removeFactor(factor: string): Promise<void>;
    /** New ones; the old ones are void. Raises: StepUpNeeded. */
    newRecoveryCodes(): Promise<readonly string[]>;
    /** Shows a factor once more, for what raised StepUpNeeded; good for some minutes. */
    stepUp(proof: StepUpProof): Promise<void>;
    /** The same with a passkey. Raises also: what the browser raises. */
    stepUpByPasskey(): Promise<void>;
    /** This device of the user, or all, must show a second factor again; how many they were. */
    forgetDevices(device?: string): Promise<number>;
    /** The account at a provider signs in as well from now on. Raises: StepUpNeeded. */
    addProvider(handoff: string): Promise<{
        readonly identifier: string;
    }>;
    profile(): Promise<Profile>;
    /** Only what is given changes; an empty `avatar` takes the picture away; `version`: of the profile that was read, so that nobody's change is lost. */
    changeProfile(change: Partial<Profile>): Promise<Profile>;
    /** PNG, JPEG or WebP of at most 64 KiB. */
    setAvatar(picture: Blob | Uint8Array, media_type: string): Promise<void>;
    settings(): Promise<Settings>;
    setSettings(settings: Settings): Promise<Settings>;
    person(user: string): Promise<Person>;
    /** People whose name begins so, and who want to be found. */
    search(q: string, after?: string | null): Promise<{
        readonly users: readonly Person[];
        readonly next: string | null;
    }>;
}
/** Of a user that has a picture. `avatar`: what its profile says, so that a new picture has a new address. */
export declare const avatarUrl: (user: string, avatar: string) => string;
