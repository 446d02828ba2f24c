import type { Rest } from "./rest.js";
import { type KeyValueStore } from "./storage.js";
import type { SignedIn } from "./ways.js";
export declare class SignIn {
    private readonly store;
    private readonly rest;
    private readonly wall_ms;
    current: SignedIn | null;
    private renewing;
    constructor(store: KeyValueStore, rest: () => Rest, wall_ms: () => number);
    set(signed_in: SignedIn | null): void;
    /**
     * An access token that is good for a while. `fresh`: not the one at hand, the edge did not like it.
     *
     * Raises: SignedOut when only a new log-in helps, Unreachable.
     */
    token(fresh: boolean): Promise<string>;
    private renew;
}
