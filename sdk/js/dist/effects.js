// What the core asks of its shell. A closed union; everything the application hears is in it too.
export {};
