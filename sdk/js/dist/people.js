// The own account: who one is, where one is signed in, second factors, profile, settings; and finding other people.
import { pathOf, withQuery } from "./http.js";
import { createPasskey, getPasskey } from "./passkeys.js";
/** Raises (all calls): RestError, StepUpNeeded where noted, Unreachable. */
export class People {
    http;
    constructor(http) {
        this.http = http;
    }
    me() {
        return this.http.call("GET", "/v1/me");
    }
    /** A ticket that opens one session, within seconds, in place of the access token. */
    ticket() {
        return this.http.call("POST", "/v1/ticket", {});
    }
    // ---- where one is signed in
    async signIns() {
        return (await this.http.call("GET", "/v1/me/sign-ins")).sign_ins;
    }
    /** Signs out there: its sockets close at once. */
    async endSignIn(sign_in) {
        await this.http.call("DELETE", pathOf("me", "sign-ins", sign_in));
    }
    /** All but this one; how many they were. */
    async endOtherSignIns() {
        return (await this.http.call("DELETE", "/v1/me/sign-ins")).ended;
    }
    async changePassword(old_password, new_password) {
        await this.http.call("PUT", "/v1/me/password", { old: old_password, new: new_password });
    }
    /** Until the next sign-in. */
    async deactivate() {
        await this.http.call("POST", "/v1/me/deactivate", {});
    }
    /** For good. Raises: StepUpNeeded. */
    async deleteAccount() {
        await this.http.call("DELETE", "/v1/me");
    }
    /** Sends a code to an address or number that is to be the user's. */
    requestIdentifierCode(kind, to) {
        return this.http.call("POST", "/v1/me/identifiers/code", { kind, to });
    }
    addIdentifier(kind, to, code) {
        return this.http.call("POST", "/v1/me/identifiers", { kind, to, code });
    }
    async removeIdentifier(identifier) {
        await this.http.call("DELETE", pathOf("me", "identifiers", identifier));
    }
    // ---- second factors
    factors() {
        return this.http.call("GET", "/v1/me/factors");
    }
    /** Begins; it counts once `confirmTotp` was given a code of it. */
    enrolTotp(name = "") {
        return this.http.call("POST", "/v1/me/factors/totp", { name });
    }
    /** `recovery_codes`: shown this once, with the first factor; null later. */
    confirmTotp(factor, code) {
        return this.http.call("POST", pathOf("me", "factors", "totp", factor, "confirm"), { code });
    }
    /** Makes a passkey in this browser; recovery codes come with the first factor. Raises also: what the browser raises. */
    async enrolPasskey(name = "") {
        const asked = await this.http.call("POST", "/v1/me/passkeys/options", {});
        const credential = await createPasskey(asked.options);
        return this.http.call("POST", "/v1/me/passkeys", { challenge: asked.challenge, credential, name });
    }
    /** Raises: StepUpNeeded. */
    async removeFactor(factor) {
        await this.http.call("DELETE", pathOf("me", "factors", factor));
    }
    /** New ones; the old ones are void. Raises: StepUpNeeded. */
    async newRecoveryCodes() {
        return (await this.http.call("POST", "/v1/me/recovery-codes", {})).codes;
    }
    /** Shows a factor once more, for what raised StepUpNeeded; good for some minutes. */
    async stepUp(proof) {
        await this.http.call("POST", "/v1/me/step-up", proof);
    }
    /** The same with a passkey. Raises also: what the browser raises. */
    async stepUpByPasskey() {
        const asked = await this.http.call("POST", "/v1/me/step-up/options", {});
        await this.stepUp({ kind: "passkey", challenge: asked.challenge, credential: await getPasskey(asked.options) });
    }
    /** This device of the user, or all, must show a second factor again; how many they were. */
    async forgetDevices(device) {
        const path = device === undefined ? "/v1/me/remembered-devices" : pathOf("me", "remembered-devices", device);
        return (await this.http.call("DELETE", path)).forgotten;
    }
    /** The account at a provider signs in as well from now on. Raises: StepUpNeeded. */
    addProvider(handoff) {
        return this.http.call("POST", "/v1/me/identifiers/external", { handoff });
    }
    // ---- profile and settings
    profile() {
        return this.http.call("GET", "/v1/me/profile");
    }
    /** Only what is given changes; an empty `avatar` takes the picture away; `version`: of the profile that was read, so that nobody's change is lost. */
    changeProfile(change) {
        return this.http.call("PATCH", "/v1/me/profile", change);
    }
    /** PNG, JPEG or WebP of at most 64 KiB. */
    async setAvatar(picture, media_type) {
        await this.http.call("PUT", "/v1/me/avatar", picture, { media_type });
    }
    settings() {
        return this.http.call("GET", "/v1/me/settings");
    }
    setSettings(settings) {
        return this.http.call("PUT", "/v1/me/settings", settings);
    }
    // ---- others
    person(user) {
        return this.http.call("GET", pathOf("users", user));
    }
    /** People whose name begins so, and who want to be found. */
    search(q, after = null) {
        return this.http.call("GET", withQuery("/v1/users/search", { q, after }));
    }
}
/** Of a user that has a picture. `avatar`: what its profile says, so that a new picture has a new address. */
export const avatarUrl = (user, avatar) => `${pathOf("users", user, "avatar")}?v=${encodeURIComponent(avatar)}`;
