// Firefox for a test: commands in, answers out, a line of JSON each. Driven over WebDriver BiDi by puppeteer-core; see ../firefox_browser.py.
//
// Alerts: without a desktop Firefox draws notifications itself, each in a window of its own ("alerts.useSystemBackend"). BiDi reaches such
// windows with --remote-allow-system-access, so a test reads what is really shown, and presses it as a person does.

import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const [executablePath, push_service] = process.argv.slice(2);
const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath,
  headless: true,
  args: ["--remote-allow-system-access"],
  extraPrefsFirefox: {
    "alerts.useSystemBackend": false,
    "app.normandy.enabled": false,
    "dom.push.connection.enabled": true,
    "dom.push.serverURL": push_service,
    "dom.push.testing.allowInsecureServerURL": true,
    "permissions.default.desktop-notification": 1, // a person would be asked, in a part of the window that no page reaches
  },
});
const PATIENCE_MS = 90_000;
const pages = new Map();

async function page({ id }) {
  const found = pages.get(id);
  if (found === undefined) throw new Error(`no page ${id}`);
  return found;
}

/** Names the pages, also those that the browser opened. */
async function named() {
  for (const each of await browser.pages()) if (![...pages.values()].includes(each)) pages.set(pages.size + 1, each);
  return [...pages].filter(([, each]) => !each.isClosed()).map(([id, each]) => ({ id, url: each.url() }));
}

const chromeWindows = async () => (await browser.connection.send("browsingContext.getTree", { "moz:scope": "chrome" })).result.contexts;

/** null: the window was closed meanwhile. */
async function inAlert(context, expression) {
  try {
    const { result } = await browser.connection.send("script.evaluate", { expression, target: { context }, awaitPromise: true });
    return result.type === "success" ? result.result.value : null;
  } catch (error) {
    if (String(error).includes("no such frame")) return null;
    throw error;
  }
}

async function alerts() {
  const shown = [];
  for (const { context, url } of await chromeWindows()) {
    if (!url.endsWith("/alert.xhtml")) continue;
    const text = await inAlert(context, "JSON.stringify([document.getElementById('alertTitleLabel').getAttribute('value'), document.getElementById('alertTextLabel').textContent])");
    if (text) shown.push({ context, title: JSON.parse(text)[0], body: JSON.parse(text)[1] });
  }
  return shown;
}

const COMMANDS = {
  open: async ({ url }) => {
    const made = await browser.newPage();
    await made.setViewport({ width: 1200, height: 800 });
    await made.goto(url);
    pages.set(pages.size + 1, made);
    return pages.size;
  },
  close: async (asked) => (await page(asked)).close(),
  pages: named,
  run: async (asked) => (await page(asked)).evaluate(`(async () => { ${asked.code} })()`),
  until: async (asked) => {
    await (await page(asked)).waitForFunction(asked.expression, { timeout: PATIENCE_MS });
    return true;
  },
  press: async (asked) => (await page(asked)).locator(`::-p-aria([name="${asked.name}"][role="button"])`).setTimeout(PATIENCE_MS).click(),
  fill: async (asked) => (await page(asked)).locator(asked.selector).setTimeout(PATIENCE_MS).fill(asked.text),
  shoot: async (asked) => void (await (await page(asked)).screenshot({ path: asked.path })),
  alerts: async () => (await alerts()).map(({ title, body }) => ({ title, body })),
  press_alert: async () => {
    const [first] = await alerts();
    if (first === undefined) throw new Error("nothing is shown");
    await inAlert(first.context, "document.getElementById('alertBox').click()");
  },
};

console.log(JSON.stringify({ value: await browser.version() }));
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  try {
    console.log(JSON.stringify({ value: (await COMMANDS[asked.do](asked)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
await browser.close();
