export type Phase = "stopped" | "connecting" | "greeting" | "online" | "waiting" | "ended";
export type Signal = "start" | "opened" | "welcomed" | "lost" | "retry" | "end" | "stop";
/**
 * `connecting`: the socket is being opened; `greeting`: hello was sent; `waiting`: for the next attempt; `ended`: only the
 * application can go on (sign in again, close another session).
 */
export declare const NEXT: Readonly<Record<Phase, Readonly<Partial<Record<Signal, Phase>>>>>;
