// Who listens to what. A listener that throws is reported and does not keep the others from hearing.
export class Emitter {
    listeners = new Map();
    /** Returns the call that ends the listening. */
    on(name, listener) {
        const set = this.listeners.get(name) ?? new Set();
        this.listeners.set(name, set);
        set.add(listener);
        return () => void set.delete(listener);
    }
    emit(name, value) {
        for (const listener of [...(this.listeners.get(name) ?? [])]) {
            try {
                listener(value);
            }
            catch (error) {
                // the application's fault: it surfaces as an uncaught error, after our own state is whole
                queueMicrotask(() => {
                    throw error;
                });
            }
        }
    }
}
