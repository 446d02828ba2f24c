export type Fetch = (url: string, init: RequestInit) => Promise<Response>;
/** How a call differs from the usual one: JSON in, JSON out, with the user's token. */
export interface CallOptions {
    readonly authorized?: boolean;
    /** Bytes instead of JSON, of this media type. */
    readonly media_type?: string;
}
export declare class Http {
    private readonly base;
    private readonly fetch;
    private readonly token;
    private readonly scheme;
    /** `token`: gives a good access token, for the calls that need one; `fresh`: another than the one at hand, which is over. Raises (all calls): RestError, StepUpNeeded, Unreachable. */
    constructor(base: () => string, fetch: Fetch, token: (fresh: boolean) => Promise<string>, scheme?: "Bearer" | "Challenge");
    /** The same server, called with the challenge of a sign-in that waits, instead of a token. */
    challenged(challenge: string): Http;
    call<T>(method: string, path: string, body?: unknown, options?: CallOptions): Promise<T>;
    /** The answer as it came: a picture, say. */
    text(method: string, path: string, body?: unknown, options?: CallOptions): Promise<string>;
    private once;
    /** Everything that comes in pages. `pick`: the items of one page. */
    pages<P extends {
        readonly next: string | null;
    }, T>(path: string, pick: (page: P) => readonly T[]): Promise<T[]>;
}
/** A path with these parameters; those that are null or undefined are left out. */
export declare function withQuery(path: string, query: Readonly<Record<string, string | number | boolean | null | undefined>>): string;
/** A path below /v1, each part escaped. */
export declare const pathOf: (...parts: readonly (string | number)[]) => string;
