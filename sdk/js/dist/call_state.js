// What this device knows of one call, and what the core of calls asks of its shell. Pure; closed unions.
export {};
