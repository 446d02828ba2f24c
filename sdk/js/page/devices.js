// Where the account is signed in, and signing out there.

import { accountTabs } from "./account.js";
import { confirm, steppedUp } from "./ask.js";
import { el, icon } from "./dom.js";
import { lastSeenOf, whenOf } from "./format.js";
import { button, card, hint, region, row, rows, tag } from "./ui.js";

const PHONE = "M8 3h8a1.5 1.5 0 0 1 1.5 1.5v15A1.5 1.5 0 0 1 16 21H8a1.5 1.5 0 0 1-1.5-1.5v-15A1.5 1.5 0 0 1 8 3zM11 18h2";
const SCREEN = "M4 5h16v11H4zM9 20h6M12 16v4";
const METHODS = /** @type {Record<string, string>} */ ({
  password: "password",
  email: "e-mail",
  email_code: "e-mail code",
  email_link: "e-mail link",
  phone: "phone code",
  phone_code: "phone code",
  passkey: "passkey",
});
const PLATFORMS = /** @type {Record<string, string>} */ ({ web: "Browser", ios: "iPhone or iPad", android: "Android", desktop: "Desktop", bot: "Bot" });

/** @type {import("./screens.js").Screen} */
export function devicesScreen(page) {
  const list = region(async (refresh) => {
    const sign_ins = await page.client.rest.people.signIns();
    const others = sign_ins.filter((each) => !each.current).length;
    const sorted = [...sign_ins].sort((a, b) => Number(b.current) - Number(a.current) || b.seen_at_ms - a.seen_at_ms);
    const everywhere = async () => {
      const text = others === 1 ? "One other device is signed out at once." : `${others} other devices are signed out at once.`;
      if (await confirm("Sign out everywhere else?", text, "Sign them out", () => steppedUp(page.client, () => page.client.rest.people.endOtherSignIns()))) await refresh();
    };
    return [
      card(
        "Devices",
        hint("Whoever is signed in here reads and writes as you. Sign out what you do not know."),
        rows("Devices that are signed in", sorted.map((each) => deviceRow(page, each, refresh)), "None."),
        others === 0 ? null : el("div", { class: "button-row" }, button("Sign out everywhere else", everywhere, "plain danger")),
      ),
    ];
  });
  return [accountTabs("/account/devices"), list.box];
}

/** @param {import("./screens.js").Page} page @param {import("/sdk/index.js").SignInItem} each @param {() => Promise<void>} refresh */
function deviceRow(page, each, refresh) {
  const name = each.device_name || PLATFORMS[each.platform] || "Unnamed device";
  const method = METHODS[each.method] ?? each.method;
  const by = [method, ...each.factors.filter((factor) => factor !== each.method)].filter((word) => word !== "").join(" and ");
  const now_ms = Date.now();
  const seen = each.current ? "" : `${lastSeenOf(each.seen_at_ms, now_ms)} · `;
  const below = `${seen}signed in ${whenOf(each.opened_at_ms, now_ms)}${by === "" ? "" : ` by ${by}`}`;
  const end = async () => {
    const work = () => steppedUp(page.client, () => page.client.rest.people.endSignIn(each.sign_in));
    if (await confirm(`Sign out ${name}?`, "It is signed out at once, whatever it does now.", "Sign out there", work)) await refresh();
  };
  const picture = el("span", { class: "picture" }, icon(each.platform === "ios" || each.platform === "android" ? PHONE : SCREEN));
  return row(picture, name, below, each.current ? tag("This device", "good") : button("Sign out there", end, "plain", { "aria-label": `Sign out there: ${name}`, "data-focus": each.sign_in }));
}
