// Where the sign-in, the positions and the unacked commands survive: anything with the three calls of window.localStorage.
/** Survives nothing. */
export class MemoryStore {
    items = new Map();
    getItem(key) {
        return this.items.get(key) ?? null;
    }
    setItem(key, value) {
        this.items.set(key, value);
    }
    removeItem(key) {
        this.items.delete(key);
    }
}
/** The value under `key`; null when it is absent or not JSON (an older version's, or touched by hand). */
export function readJson(store, key) {
    const text = store.getItem(key);
    if (text === null)
        return null;
    try {
        return JSON.parse(text);
    }
    catch (error) {
        if (error instanceof SyntaxError)
            return null;
        throw error;
    }
}
