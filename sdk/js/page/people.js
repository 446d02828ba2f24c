// The user's contacts, as the screens ask for them: a view of the client's roster.

/** @typedef {import("/sdk/index.js").RosterEntry} RosterEntry */

export class Contacts {
  /** @param {import("/sdk/index.js").Client} client */
  constructor(client) {
    this.client = client;
  }

  get all() {
    return this.client.signedIn === null ? [] : this.client.followRoster().entries();
  }

  /** @param {string} user @returns {RosterEntry} */
  of(user) {
    const known = this.client.signedIn === null ? undefined : this.client.followRoster().get(user);
    return known ?? { user, conversation: "", relation: "none", blocked: false, alias: "", tags: [], text: "", changed_at_ms: 0 };
  }

  /** @param {RosterEntry["relation"]} relation */
  in(relation) {
    return this.all.filter((entry) => entry.relation === relation);
  }

  /** Requests that wait for the user's answer. */
  get asked() {
    return this.in("asked").filter((entry) => !entry.blocked);
  }

  /** @param {string} user */
  aliasOf(user) {
    return this.of(user).alias;
  }
}
