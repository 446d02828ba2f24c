// One tree of errors. `retryable`: the same call may succeed later.

export class WarblerError extends Error {
  readonly retryable: boolean;
  readonly code: string;

  constructor(code: string, detail: string, retryable = false) {
    super(`${code}: ${detail}`);
    this.name = new.target.name;
    this.code = code;
    this.detail = detail;
    this.retryable = retryable;
  }

  readonly detail: string;
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
  ) {
    super(code, detail, retryable);
  }
}

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

/** A read (history, sync, directory) could not be served. */
export class RequestFailed extends WarblerError {}

/** There is no sign-in, or it is over: log in again. */
export class SignedOut extends WarblerError {
  constructor(detail: string) {
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
