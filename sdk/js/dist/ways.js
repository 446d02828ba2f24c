// The ways in: register, and sign in by each method, up to the tokens or to the second factor that is asked for.
import { People } from "./people.js";
import { getPasskey } from "./passkeys.js";
export const isSignedIn = (entry) => "access_token" in entry;
const REMEMBER_KEY = "warbler.remember";
/** Raises (all calls): RestError, Unreachable. A wrong code, password or answer is a RestError 401 that says no more than that. */
export class Ways {
    http;
    device;
    store;
    taken;
    constructor(http, device, store, taken) {
        this.http = http;
        this.device = device;
        this.store = store;
        this.taken = taken;
    }
    /** Which ways this server offers. */
    methods() {
        return this.http.call("GET", "/v1/sign-in/methods", undefined, { authorized: false });
    }
    /** A new user. The tenant may want a second factor of it at once. */
    register(name, password) {
        return this.enter("/v1/register", { name, password });
    }
    /** `name`: the name, or an e-mail address or phone number of the user. */
    password(name, password) {
        return this.enter("/v1/login", { name, password });
    }
    /** Sends a code (and, by e-mail, a link). The answer is the same whether anybody has this address. */
    requestCode(kind, to) {
        return this.http.call("POST", "/v1/sign-in/code", { kind, to }, { authorized: false });
    }
    code(kind, to, code) {
        return this.enter("/v1/sign-in/code/confirm", { kind, to, code });
    }
    /** `token`: what stands behind `#link=` in the link that was mailed. */
    link(token) {
        return this.enter("/v1/sign-in/link", { token });
    }
    /** Where the browser is to go; it comes back to `return_to` with `#handoff=` or `#error=`. */
    providerUrl(provider, return_to = "/") {
        return `/v1/sign-in/providers/${encodeURIComponent(provider)}/start?return_to=${encodeURIComponent(return_to)}`;
    }
    handoff(handoff) {
        return this.enter("/v1/sign-in/handoff", { handoff });
    }
    /** Asks the browser for a passkey, whoever's it is; nothing has to be typed. Raises also: what the browser raises (DOMException). */
    async passkey() {
        const asked = await this.http.call("POST", "/v1/sign-in/passkey/options", {}, { authorized: false });
        return this.enter("/v1/sign-in/passkey", { challenge: asked.challenge, credential: await getPasskey(asked.options) });
    }
    /** Shows a second factor; the policy may want yet another. `remember`: this device needs none the next time. */
    factor(needed, proof, remember = false) {
        return this.show({ challenge: needed.challenge, ...proof, remember });
    }
    /** A passkey as the second factor. Raises also: what the browser raises. */
    async passkeyFactor(needed, remember = false) {
        const { challenge } = needed;
        const asked = await this.http.call("POST", "/v1/sign-in/factor/options", { challenge }, { authorized: false });
        const credential = await getPasskey(asked.options);
        return this.show({ challenge, kind: "passkey", passkey_challenge: asked.challenge, credential, remember });
    }
    /** Where `enrol` is true: adds the first factor (`enrolTotp` and `confirmTotp`, or `enrolPasskey`); then `enrolled`. */
    enrolling(needed) {
        return new People(this.http.challenged(needed.challenge));
    }
    /** A factor was added on the way: goes in with it. */
    enrolled(needed, remember = false) {
        return this.show({ challenge: needed.challenge, kind: "enrolled", remember });
    }
    async show(body) {
        const entry = await this.http.call("POST", "/v1/sign-in/factor", body, { authorized: false });
        return isSignedIn(entry) ? this.take(entry) : entry;
    }
    async enter(path, body) {
        const remember_token = this.store.getItem(REMEMBER_KEY);
        const device = remember_token === null ? this.device : { ...this.device, remember_token };
        const entry = await this.http.call("POST", path, { ...body, device }, { authorized: false });
        return isSignedIn(entry) ? this.take(entry) : entry;
    }
    take(signed_in) {
        if (signed_in.remember_token != null)
            this.store.setItem(REMEMBER_KEY, signed_in.remember_token);
        this.taken(signed_in);
        return signed_in;
    }
}
