import type { Ack, CommandFrame, EventItem } from "./frames.js";
export declare function eventOf(frame: CommandFrame, ack: Ack, user: string, device: string): EventItem;
