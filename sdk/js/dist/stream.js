// Events as an async iterator, with a bounded queue.
import { Overflow } from "./errors.js";
export const STREAM_LIMIT = 10_000;
/** Raises Overflow to a reader that fell behind by more than `limit`. */
export class Stream {
    onEnd;
    limit;
    queue = [];
    waiting = null;
    over = false;
    failure = null;
    constructor(onEnd, limit = STREAM_LIMIT) {
        this.onEnd = onEnd;
        this.limit = limit;
    }
    push(item) {
        if (this.over)
            return;
        if (this.waiting !== null) {
            const { resolve } = this.waiting;
            this.waiting = null;
            resolve({ value: item, done: false });
        }
        else if (this.queue.length < this.limit) {
            this.queue.push(item);
        }
        else {
            this.failure = new Overflow(this.limit);
            this.end();
        }
    }
    end() {
        if (this.over)
            return;
        this.over = true;
        this.waiting?.resolve({ value: undefined, done: true });
        this.waiting = null;
        this.onEnd();
    }
    next() {
        if (this.queue.length > 0)
            return Promise.resolve({ value: this.queue.shift(), done: false });
        const { failure } = this;
        this.failure = null;
        if (failure !== null)
            return Promise.reject(failure);
        if (this.over)
            return Promise.resolve({ value: undefined, done: true });
        return new Promise((resolve, reject) => (this.waiting = { resolve, reject }));
    }
    return() {
        this.end();
        return Promise.resolve({ value: undefined, done: true });
    }
    [Symbol.asyncIterator]() {
        return this;
    }
}
