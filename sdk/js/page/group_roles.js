// The roles of a group: what each may do, and roles of its own.

import { ask, confirm } from "./ask.js";
import { el } from "./dom.js";
import { later } from "./group.js";
import { button, card, hint, row, rows } from "./ui.js";

/** @typedef {import("./group.js").Inside} Inside */
/** @typedef {import("./group.js").GroupRole} GroupRole */

const PERMISSIONS = /** @type {readonly [string, string][]} */ ([
  ["send", "Write messages"],
  ["announce", "Make announcements"],
  ["add", "Add members"],
  ["invite", "Invite members"],
  ["review", "Answer applications"],
  ["remove", "Remove members"],
  ["ban", "Ban"],
  ["mute", "Mute"],
  ["speak_muted", "Speak when all are muted"],
  ["settings", "Change settings"],
  ["rename", "Rename the group"],
  ["links", "Make links"],
  ["recall", "Recall others’ messages"],
  ["nicknames", "Change nicknames"],
  ["appoint", "Give roles"],
  ["roles", "Define roles"],
  ["dissolve", "Dissolve the group"],
]);
const OWN = new Set(["owner", "admin", "member"]);
const OF_OWNERS = new Set(["appoint", "roles", "dissolve"]);

/** The roles that every group has, where it said nothing else, and those that it defined. @param {string} kind @param {readonly GroupRole[]} defined @returns {GroupRole[]} */
export function rolesOf(kind, defined) {
  const all = PERMISSIONS.map(([name]) => name);
  const built_in = /** @type {[string, number, string[]][]} */ ([
    ["owner", 100, all],
    ["admin", 50, all.filter((name) => !OF_OWNERS.has(name))],
    ["member", 0, kind === "channel" ? [] : ["send"]],
  ]);
  const named = built_in.filter(([key]) => !defined.some((role) => role.key === key));
  return [...named.map(([key, level, permissions]) => /** @type {GroupRole} */ (/** @type {unknown} */ ({ key, level, permissions, by: "", at_ms: 0 }))), ...defined];
}

/** @param {Inside} inside */
export function rolesTab(inside) {
  const { roles, level, refresh, page, conversation } = inside;
  const sorted = [...roles].sort((a, b) => b.level - a.level);
  const items = sorted.map((role) => {
    const words = role.key === "owner" ? "Everything" : PERMISSIONS.filter(([name]) => role.permissions.some((own) => own === name)).map(([, text]) => text).join(", ");
    const drop = async () => {
      if (await confirm(`Drop the role “${role.key}”?`, "Who has it becomes a member.", "Drop", () => page.client.groups.dropRole(conversation, role.key))) await later(refresh);
    };
    const mine = role.level < level && role.key !== "owner";
    return row(
      el("span", { class: "level", title: "Level", text: String(role.level) }),
      role.key,
      words || "Only reads",
      mine ? button("Change", () => edit(inside, role), "plain", { "aria-label": `Change ${role.key}` }) : null,
      mine && !OWN.has(role.key) ? button("Drop", drop, "plain danger", { "aria-label": `Drop ${role.key}` }) : null,
    );
  });
  return [card("Roles", hint("The level says who stands above whom: a role can only be given, and its people only be acted on, from above."), rows("Roles", items), el("div", { class: "button-row" }, button("New role", () => edit(inside, null), "primary")))];
}

/** @param {Inside} inside @param {GroupRole | null} role */
async function edit({ page, conversation, level, may, refresh }, role) {
  const boxes = PERMISSIONS.map(([name, text]) => ({ name, box: checkbox(name, text, role?.permissions.some((own) => own === name) ?? name === "send", may(name)) }));
  const may_box = el("fieldset", { class: "permissions" }, el("legend", { text: "May" }), ...boxes.map(({ box }) => box));
  const name = { name: "role", label: "Name", required: true, hint: "Small letters, like “moderator”.", attributes: { maxlength: 32, autocapitalize: "none" } };
  const height = { name: "level", label: "Level", type: "number", value: String(role?.level ?? Math.min(20, level - 1)), hint: `1 to ${level - 1}.`, attributes: { min: 1, max: level - 1, inputmode: "numeric" } };
  const done = await ask({
    title: role === null ? "New role" : `The role “${role.key}”`,
    wide: true,
    fields: role === null ? [name, height] : [height],
    after: [may_box],
    submit: "Save",
    act: (values) => {
      const chosen = boxes.filter(({ box }) => /** @type {HTMLInputElement} */ (box.querySelector("input")).checked).map((each) => each.name);
      const permissions = /** @type {import("/sdk/index.js").Permission[]} */ (chosen);
      return page.client.groups.defineRole(conversation, role?.key ?? String(values["role"]), Number(values["level"]), permissions);
    },
  });
  if (done) await later(refresh);
}

/** @param {string} name @param {string} text @param {boolean} checked @param {boolean} mine what one may not do oneself one cannot give */
function checkbox(name, text, checked, mine) {
  const input = /** @type {HTMLInputElement} */ (el("input", { type: "checkbox", name: `may-${name}`, disabled: !mine && !checked }));
  input.checked = checked;
  return el("label", { class: "check" }, input, el("span", { text }));
}
