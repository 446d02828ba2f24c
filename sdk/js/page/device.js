// What this device is called where the user sees its devices.

const BROWSERS = [["Firefox/", "Firefox"], ["Edg/", "Edge"], ["OPR/", "Opera"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "Mac"], ["Linux", "Linux"]];

/** "Firefox on Linux". @param {string} agent the browser's name for itself */
export function deviceName(agent) {
  const found = (/** @type {string[][]} */ table, /** @type {string} */ otherwise) => table.find(([mark]) => agent.includes(mark ?? ""))?.[1] ?? otherwise;
  return `${found(BROWSERS, "Browser")} on ${found(SYSTEMS, "a computer")}`;
}
