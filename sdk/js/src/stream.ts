// Events as an async iterator, with a bounded queue.

import { Overflow } from "./errors.js";

export const STREAM_LIMIT = 10_000;

/** Raises Overflow to a reader that fell behind by more than `limit`. */
export class Stream<T> implements AsyncIterableIterator<T> {
  private readonly queue: T[] = [];
  private waiting: { resolve: (result: IteratorResult<T>) => void; reject: (error: Error) => void } | null = null;
  private over = false;
  private failure: Error | null = null;

  constructor(
    private readonly onEnd: () => void,
    private readonly limit = STREAM_LIMIT,
  ) {}

  push(item: T): void {
    if (this.over) return;
    if (this.waiting !== null) {
      const { resolve } = this.waiting;
      this.waiting = null;
      resolve({ value: item, done: false });
    } else if (this.queue.length < this.limit) {
      this.queue.push(item);
    } else {
      this.failure = new Overflow(this.limit);
      this.end();
    }
  }

  end(): void {
    if (this.over) return;
    this.over = true;
    this.waiting?.resolve({ value: undefined, done: true });
    this.waiting = null;
    this.onEnd();
  }

  next(): Promise<IteratorResult<T>> {
    if (this.queue.length > 0) return Promise.resolve({ value: this.queue.shift() as T, done: false });
    const { failure } = this;
    this.failure = null;
    if (failure !== null) return Promise.reject(failure);
    if (this.over) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => (this.waiting = { resolve, reject }));
  }

  return(): Promise<IteratorResult<T>> {
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
