// One REST call: JSON in, JSON out, errors as values of one tree. Shell around fetch.
import { RestError, StepUpNeeded, Unreachable } from "./errors.js";
const TIMEOUT_MS = 15_000;
export class Http {
    base;
    fetch;
    token;
    scheme;
    /** `token`: gives a good access token, for the calls that need one; `fresh`: another than the one at hand, which is over. Raises (all calls): RestError, StepUpNeeded, Unreachable. */
    constructor(base, fetch, token, scheme = "Bearer") {
        this.base = base;
        this.fetch = fetch;
        this.token = token;
        this.scheme = scheme;
    }
    /** The same server, called with the challenge of a sign-in that waits, instead of a token. */
    challenged(challenge) {
        return new Http(this.base, this.fetch, () => Promise.resolve(challenge), "Challenge");
    }
    async call(method, path, body, options = {}) {
        return parsed(await this.text(method, path, body, options));
    }
    /** The answer as it came: a picture, say. */
    async text(method, path, body, options = {}) {
        try {
            return await this.once(method, path, body, options, false);
        }
        catch (error) {
            // this device's clock may be wrong: the edge's counts
            if (!(error instanceof RestError) || error.code !== "token_expired" || options.authorized === false)
                throw error;
            return this.once(method, path, body, options, true);
        }
    }
    async once(method, path, body, options, fresh) {
        const { authorized = true, media_type = "application/json" } = options;
        const headers = { "Content-Type": media_type };
        if (authorized)
            headers["Authorization"] = `${this.scheme} ${await this.token(fresh)}`;
        const init = { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) };
        if (body !== undefined)
            init.body = options.media_type === undefined ? JSON.stringify(body) : body;
        let response;
        let text;
        try {
            response = await this.fetch(this.base() + path, init);
            text = await response.text();
        }
        catch (error) {
            throw new Unreachable(String(error)); // fetch raises TypeError or AbortError, whatever was the matter
        }
        if (response.ok)
            return text;
        throw problemOf(response, parsed(text));
    }
    /** Everything that comes in pages. `pick`: the items of one page. */
    async pages(path, pick) {
        const found = [];
        let after = null;
        do {
            const page = await this.call("GET", withQuery(path, { after }));
            found.push(...pick(page));
            after = page.next;
        } while (after !== null);
        return found;
    }
}
function problemOf(response, answer) {
    const problem = (answer ?? {});
    const retry_after_ms = problem.retry_after_ms ?? 1000 * Number(response.headers?.get("Retry-After") ?? 0);
    const { code = "http", detail = `status ${response.status}`, retryable = response.status >= 500 } = problem;
    const Kind = code === "step_up_needed" ? StepUpNeeded : RestError;
    return new Kind(response.status, code, detail, retryable, Number.isFinite(retry_after_ms) ? retry_after_ms : 0);
}
function parsed(text) {
    try {
        return text === "" ? null : JSON.parse(text);
    }
    catch (error) {
        if (error instanceof SyntaxError)
            return null; // a proxy's page; the status says enough
        throw error;
    }
}
/** A path with these parameters; those that are null or undefined are left out. */
export function withQuery(path, query) {
    const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
    if (given.length === 0)
        return path;
    const text = given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
    return `${path}${path.includes("?") ? "&" : "?"}${text}`;
}
/** A path below /v1, each part escaped. */
export const pathOf = (...parts) => `/v1/${parts.map((part) => encodeURIComponent(part)).join("/")}`;
