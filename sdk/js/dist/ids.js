// Command ids: UUIDv7 whose time is the server's, ascending within one device. Pure: time and chance are arguments.
const hex = (value, digits) => Math.floor(value).toString(16).padStart(digits, "0");
/**
 * Makes ids that ascend even within one millisecond or when the clock steps back (RFC 9562 6.2, method 1: a counter in rand_a).
 */
export class IdMaker {
    random;
    last_ms = -1;
    counter = 0;
    constructor(random) {
        this.random = random;
    }
    next(now_ms) {
        const ms = Math.floor(now_ms);
        if (ms > this.last_ms) {
            this.last_ms = ms;
            this.counter = Math.floor(this.random() * 0x800); // the upper half stays free for counting up
        }
        else if (++this.counter > 0xfff) {
            this.last_ms += 1;
            this.counter = 0;
        }
        const time = hex(this.last_ms, 12);
        const tail = hex(0x8 + this.random() * 4, 1) + hex(this.random() * 0x1000, 3);
        const node = hex(this.random() * 0x1000000, 6) + hex(this.random() * 0x1000000, 6);
        return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(this.counter, 3)}-${tail}-${node}`;
    }
}
/** The time in a UUIDv7, in ms since the Unix epoch. */
export function idMs(id) {
    return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
