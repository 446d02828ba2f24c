// temporary
/** @param {import("/sdk/index.js").Client} client */
export const pushOf = ({ rest }) => ({
  channels: () => /** @type {Promise<any>} */ (rest.call("GET", "/v1/push/channels", undefined, { authorized: false })),
  own: () => /** @type {Promise<any>} */ (rest.call("GET", "/v1/me/push")),
  register: (/** @type {string} */ channel, /** @type {object} */ body) => rest.call("PUT", `/v1/me/push/tokens/${channel}`, body),
  remove: (/** @type {string} */ channel) => rest.call("DELETE", `/v1/me/push/tokens/${channel}`),
  setSettings: (/** @type {object} */ settings) => /** @type {Promise<any>} */ (rest.call("PUT", "/v1/me/push/settings", settings)),
  mode: (/** @type {string} */ conversation) => /** @type {Promise<any>} */ (rest.call("GET", conversation === "" ? "/v1/me/push/mode" : `/v1/conversations/${conversation}/push-mode`)),
  setMode: (/** @type {string} */ conversation, /** @type {string} */ mode, /** @type {number} */ until_ms) => /** @type {Promise<any>} */ (rest.call("PUT", conversation === "" ? "/v1/me/push/mode" : `/v1/conversations/${conversation}/push-mode`, { mode, until_ms })),
  results: (/** @type {number} */ limit) => /** @type {Promise<any>} */ (rest.call("GET", `/v1/me/push/results?limit=${limit}`)),
});
