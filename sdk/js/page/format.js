// Times and short texts as people read them. Pure but for the locale.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const short_date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const precise = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const DAY_MS = 86_400_000;

/** @param {number} ms */
export const timeOf = (ms) => clock.format(ms);

/** To the millisecond. @param {number} ms */
export const preciseTimeOf = (ms) => precise.format(ms);

/** How much later something was: "+12 ms", "+3.4 s", "+5 min". @param {number} ms */
export function laterOf(ms) {
  if (ms < 1_000) return `+${Math.round(ms)} ms`;
  if (ms < 60_000) return `+${(ms / 1_000).toFixed(1)} s`;
  return ms < 3_600_000 ? `+${Math.round(ms / 60_000)} min` : `+${(ms / 3_600_000).toFixed(1)} h`;
}

/** When somebody was here last. @param {number} ms @param {number} now_ms */
export function lastSeenOf(ms, now_ms) {
  if (now_ms - ms < 60_000) return "Last seen just now";
  const day = dayOf(ms, now_ms);
  return `Last seen ${day === "Today" ? "" : day === "Yesterday" ? "yesterday " : `${day} `}at ${clock.format(ms)}`;
}

/** @param {number} ms */
export const fullTimeOf = (ms) => `${date.format(ms)}, ${clock.format(ms)}`;

/** @param {number} ms */
export function startOfDay(ms) {
  const day = new Date(ms);
  day.setHours(0, 0, 0, 0);
  return day.getTime();
}

/** @param {number} ms @param {number} now_ms */
export function dayOf(ms, now_ms) {
  const days = Math.round((startOfDay(now_ms) - startOfDay(ms)) / DAY_MS);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  return days < 7 ? weekday.format(ms) : date.format(ms);
}

/** When something was, as short as it can be. @param {number} ms @param {number} now_ms */
export const whenOf = (ms, now_ms) => (startOfDay(ms) === startOfDay(now_ms) ? clock.format(ms) : short_date.format(ms));

/** @param {readonly string[]} names */
export function listOf(names) {
  if (names.length <= 1) return names[0] ?? "";
  if (names.length > 3) return `${names.slice(0, 2).join(", ")} and ${names.length - 2} others`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** When a thing ends: "until 14:02", "for good". @param {number} until_ms @param {number} now_ms */
export function untilOf(until_ms, now_ms) {
  if (until_ms === 0) return "for good";
  const format = new Intl.DateTimeFormat(undefined, until_ms - now_ms < 20 * 3_600_000 ? { hour: "2-digit", minute: "2-digit" } : { dateStyle: "medium", timeStyle: "short" });
  return `until ${format.format(until_ms)}`;
}
