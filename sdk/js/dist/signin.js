// Who the user is on this device: the tokens, kept in a store and renewed one at a time. Shell around Rest.
import { RestError, SignedOut } from "./errors.js";
import { readJson } from "./storage.js";
const KEY = "warbler.signin";
const EARLY_MS = 30_000; // a token that ends this soon is renewed before it is used
export class SignIn {
    store;
    rest;
    wall_ms;
    current;
    renewing = null;
    constructor(store, rest, wall_ms) {
        this.store = store;
        this.rest = rest;
        this.wall_ms = wall_ms;
        this.current = readJson(store, KEY);
    }
    set(signed_in) {
        this.current = signed_in;
        if (signed_in === null)
            this.store.removeItem(KEY);
        else
            this.store.setItem(KEY, JSON.stringify(signed_in));
    }
    /**
     * An access token that is good for a while. `fresh`: not the one at hand, the edge did not like it.
     *
     * Raises: SignedOut when only a new log-in helps, Unreachable.
     */
    token(fresh) {
        const { current } = this;
        if (current === null)
            return Promise.reject(new SignedOut("nobody is signed in"));
        if (!fresh && current.access_expires_at_ms - this.wall_ms() > EARLY_MS)
            return Promise.resolve(current.access_token);
        this.renewing ??= this.renew(current, fresh).finally(() => (this.renewing = null));
        return this.renewing;
    }
    async renew(current, fresh) {
        if (current.refresh_token === undefined) {
            if (!fresh)
                return current.access_token; // nothing better is to be had; the edge says whether it is over
            throw new SignedOut("the token is over and there is none to renew it with");
        }
        try {
            this.set(await this.rest().refresh(current.refresh_token));
        }
        catch (error) {
            if (!(error instanceof RestError) || error.retryable || error.status !== 401)
                throw error;
            this.set(null);
            throw new SignedOut(error.detail, error.code === "token_revoked" ? "revoked" : "expired");
        }
        return this.current.access_token;
    }
}
