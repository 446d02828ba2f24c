// What became of a push, in plain words. Pure. The reasons are those of streams/push/reasons.py: a test holds the two together.

/**
 * The user's own, and what an administrator is told besides.
 *
 * @typedef {Pick<import("/sdk/index.js").PushResultItem, "push_id" | "conversation" | "purpose" | "device" | "channel" | "state" | "reason" | "tries" | "at_ms">
 *   & {vendor_status?: number, vendor_code?: string, latency_ms?: number}} PushResult
 */

export const CHANNELS = /** @type {Record<string, string>} */ ({
  webpush: "Browser",
  apns: "Apple",
  apns_voip: "Apple, calls",
  fcm: "Google",
  huawei: "Huawei",
  honor: "Honor",
  xiaomi: "Xiaomi",
  oppo: "OPPO",
  vivo: "vivo",
  meizu: "Meizu",
  unifiedpush: "UnifiedPush",
});

/** The state in a word, and whether it is good news. @type {Record<string, readonly [string, "good" | "bad" | ""]>} */
export const STATES = {
  received: ["Received", "good"],
  accepted: ["Sent", "good"],
  retrying: ["Trying again", ""],
  suppressed: ["Held back", ""],
  withdrawn: ["Not needed", ""],
  rejected: ["Failed", "bad"],
  invalidated: ["Device gone", "bad"],
  expired: ["Too late", "bad"],
};

const SUPPRESSED = /** @type {Record<string, string>} */ ({
  no_device: "No device is registered for notifications.",
  not_member: "Not in the conversation any more.",
  delivered: "A device had the message already.",
  recalled: "The message was recalled.",
  own_message: "It was written by this user.",
  muted: "Notifications of this conversation are off.",
  not_mentioned: "Only what mentions this user is wanted here, and this did not.",
  quiet_hours: "It was within the quiet hours.",
  other_device: "Only the device used last is told, and that was another one.",
  second_channel: "This device was told another way: it has more than one.",
  ring_only: "This way to the device takes calls only.",
  repeated: "This device was told of it before.",
  expired: "It was too old by then.",
  channel_off: "The server does not send this way at the moment.",
  breaker_open: "The push service has had trouble: sending there rests for a moment.",
  token_gone: "The device is not registered any more.",
  holder_moved: "Somebody else uses this device now.",
  user_inactive: "The account is not active.",
  campaign_cancelled: "It was cancelled before it was sent.",
  content_unknown: "The message could not be read in time, and only some are wanted here.",
  cannot_withdraw: "The device cannot take back what it shows.",
});
const FAILED = /** @type {Record<string, string>} */ ({
  timeout: "The push service did not answer in time.",
  connection: "The push service could not be reached.",
  misconfigured: "The push service did not accept the server's credentials.",
  dead_token: "The push service does not know this device any more.",
});

/** @param {PushResult} result */
export function wordsOfResult(result) {
  switch (result.state) {
    case "received":
      return "The device said that it got it.";
    case "accepted":
      return "The push service took it.";
    case "withdrawn":
      return "A device had the message before it was sent.";
    case "invalidated":
      return "The push service does not know this device any more: it was removed.";
    case "expired":
      return "Its time was over before it could be sent.";
    case "retrying":
      return `It is sent again in a moment. ${whyOf(result)}`;
    default:
      return whyOf(result);
  }
}

/** @param {PushResult} result */
function whyOf({ reason, vendor_code = "" }) {
  const known = SUPPRESSED[reason] ?? FAILED[reason];
  if (known !== undefined) return known;
  const status = /^status_(\d+)$/.exec(reason)?.[1] ?? "";
  const said = [status, vendor_code === "" ? "" : `“${vendor_code}”`].filter((word) => word !== "").join(" ");
  return said === "" ? "The push service refused it." : `The push service answered ${said}.`;
}

/** One result for each send: that the device got it says more than that it was sent. @param {readonly PushResult[]} results the newest first @returns {PushResult[]} */
export function perSend(results) {
  /** @type {Map<string, PushResult>} */
  const found = new Map();
  for (const [at, result] of results.entries()) {
    const key = result.device === "" ? `nothing was sent ${at}` : `${result.push_id} ${result.device} ${result.channel}`;
    const before = found.get(key);
    if (before === undefined || (result.state === "received" && before.state === "accepted")) found.set(key, result);
  }
  return [...found.values()];
}

/** Whether it is shown under a choice of the log. @param {string} state @param {string} choice */
export function isOf(state, choice) {
  if (choice === "sent") return state === "accepted" || state === "received";
  if (choice === "held") return state === "suppressed" || state === "withdrawn";
  return choice === "failed" ? state === "rejected" || state === "invalidated" || state === "expired" || state === "retrying" : true;
}
