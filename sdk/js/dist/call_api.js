// What applications give to calls, and hear of them; what calls need of the client.
export {};
