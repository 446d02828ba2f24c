// One tree of errors. `retryable`: the same call may succeed later.

export class WarblerError extends Error {
  readonly retryable: boolean;
  readonly code: string;

  readonly detail: string;
  /** Not before this long; 0: whenever. */
  readonly retry_after_ms: number;

  constructor(code: string, detail: string, retryable = false, retry_after_ms = 0) {
    super(`${code}: ${detail}`);
    this.name = new.target.name;
    this.code = code;
    this.detail = detail;
    this.retryable = retryable;
    this.retry_after_ms = retry_after_ms;
  }
}

/** The edge could not be reached, or its answer could not be read. */
export class Unreachable extends WarblerError {
  constructor(detail: string) {
    super("unreachable", detail, true);
  }
}

/** A REST call was answered by an error. */
export class RestError extends WarblerError {
  constructor(
    readonly status: number,
    code: string,
    detail: string,
    retryable: boolean,
    retry_after_ms = 0,
  ) {
    super(code, detail, retryable, retry_after_ms);
  }
}

/** The call needs a factor shown a moment ago: `people.stepUp`, then the same call again. */
export class StepUpNeeded extends RestError {}

/** A command was refused for good; it changed nothing. */
export class Rejected extends WarblerError {
  constructor(
    code: string,
    detail: string,
    readonly conversation: string,
  ) {
    super(code, detail);
  }
}

/** A command to a call was refused. `call`: which it is about; with `call_exists` the one that is going on. */
export class CallRejected extends Rejected {
  constructor(
    code: string,
    detail: string,
    conversation: string,
    readonly call: string,
    readonly fault: "device" | "user" | "engine" | "nobody",
    readonly wait_ms: number,
  ) {
    super(code, detail, conversation);
  }
}

/** A read (history, sync, directory) could not be served. */
export class RequestFailed extends WarblerError {}

/** Why a sign-in is over: ended somewhere else, by another device of the same kind, by an administrator, or by time. */
export type SignedOutWhy = "revoked" | "replaced" | "frozen" | "expired";

/** There is no sign-in, or it is over: log in again. */
export class SignedOut extends WarblerError {
  constructor(
    detail: string,
    readonly why: SignedOutWhy = "expired",
  ) {
    super("signed_out", detail);
  }
}

/** The client was closed while this was under way. A command may still have been accepted. */
export class ClientClosed extends WarblerError {
  constructor() {
    super("closed", "the client was closed");
  }
}

/** An iterator's reader was too slow; sync from the last position that was handled. */
export class Overflow extends WarblerError {
  constructor(limit: number) {
    super("overflow", `more than ${limit} events were waiting to be read`);
  }
}
