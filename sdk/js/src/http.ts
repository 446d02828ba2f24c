// One REST call: JSON in, JSON out, errors as values of one tree. Shell around fetch.

import { RestError, StepUpNeeded, Unreachable } from "./errors.js";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const TIMEOUT_MS = 15_000;

/** How a call differs from the usual one: JSON in, JSON out, with the user's token. */
export interface CallOptions {
  readonly authorized?: boolean;
  /** Bytes instead of JSON, of this media type. */
  readonly media_type?: string;
}

export class Http {
  /** `token`: gives a good access token, for the calls that need one; `fresh`: another than the one at hand, which is over. Raises (all calls): RestError, StepUpNeeded, Unreachable. */
  constructor(
    private readonly base: () => string,
    private readonly fetch: Fetch,
    private readonly token: (fresh: boolean) => Promise<string>,
    private readonly scheme: "Bearer" | "Challenge" = "Bearer",
  ) {}

  /** The same server, called with the challenge of a sign-in that waits, instead of a token. */
  challenged(challenge: string): Http {
    return new Http(this.base, this.fetch, () => Promise.resolve(challenge), "Challenge");
  }

  async call<T>(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
    return parsed(await this.text(method, path, body, options)) as T;
  }

  /** The answer as it came: a picture, say. */
  async text(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<string> {
    try {
      return await this.once(method, path, body, options, false);
    } catch (error) {
      // this device's clock may be wrong: the edge's counts
      if (!(error instanceof RestError) || error.code !== "token_expired" || options.authorized === false) throw error;
      return this.once(method, path, body, options, true);
    }
  }

  private async once(method: string, path: string, body: unknown, options: CallOptions, fresh: boolean): Promise<string> {
    const { authorized = true, media_type = "application/json" } = options;
    const headers: Record<string, string> = { "Content-Type": media_type };
    if (authorized) headers["Authorization"] = `${this.scheme} ${await this.token(fresh)}`;
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) };
    if (body !== undefined) init.body = options.media_type === undefined ? JSON.stringify(body) : (body as BodyInit);
    let response: Response;
    let text: string;
    try {
      response = await this.fetch(this.base() + path, init);
      text = await response.text();
    } catch (error) {
      throw new Unreachable(String(error)); // fetch raises TypeError or AbortError, whatever was the matter
    }
    if (response.ok) return text;
    throw problemOf(response, parsed(text));
  }

  /** Everything that comes in pages. `pick`: the items of one page. */
  async pages<P extends { readonly next: string | null }, T>(path: string, pick: (page: P) => readonly T[]): Promise<T[]> {
    const found: T[] = [];
    let after: string | null = null;
    do {
      const page: P = await this.call<P>("GET", withQuery(path, { after }));
      found.push(...pick(page));
      after = page.next;
    } while (after !== null);
    return found;
  }
}

function problemOf(response: Response, answer: unknown): RestError {
  const problem = (answer ?? {}) as { code?: string; detail?: string; retryable?: boolean; retry_after_ms?: number };
  const retry_after_ms = problem.retry_after_ms ?? 1000 * Number(response.headers?.get("Retry-After") ?? 0);
  const { code = "http", detail = `status ${response.status}`, retryable = response.status >= 500 } = problem;
  const Kind = code === "step_up_needed" ? StepUpNeeded : RestError;
  return new Kind(response.status, code, detail, retryable, Number.isFinite(retry_after_ms) ? retry_after_ms : 0);
}

function parsed(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null; // a proxy's page; the status says enough
    throw error;
  }
}

/** A path with these parameters; those that are null or undefined are left out. */
export function withQuery(path: string, query: Readonly<Record<string, string | number | boolean | null | undefined>>): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  if (given.length === 0) return path;
  const text = given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
  return `${path}${path.includes("?") ? "&" : "?"}${text}`;
}

/** A path below /v1, each part escaped. */
export const pathOf = (...parts: readonly (string | number)[]): string => `/v1/${parts.map((part) => encodeURIComponent(part)).join("/")}`;
