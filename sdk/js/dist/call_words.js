// The frames of calls that the modules of calls speak of, by one import; and types taken out of them.
export {};
