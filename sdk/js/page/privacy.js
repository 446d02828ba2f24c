// Who sees and who may do what: the privacy settings.

import { accountTabs } from "./account.js";
import { card, form, region } from "./ui.js";

/** @type {import("./screens.js").Screen} */
export function privacyScreen(page) {
  return [accountTabs("/account/privacy"), region(async (refresh) => [await privacyCard(page, refresh)]).box];
}

/** @param {import("./screens.js").Page} page @param {() => Promise<void>} refresh */
async function privacyCard(page, refresh) {
  const privacy = await page.client.rest.privacy();
  const inner = form(
    [
      { name: "presence", label: "Who sees whether you are here, and your status", value: privacy.presence, options: [["everyone", "Everyone"], ["contacts", "Those I talk with directly"], ["friends", "My friends"], ["nobody", "Nobody"]] },
      { name: "strangers", label: "Who may write to you", value: privacy.strangers, options: [["everyone", "Everyone"], ["friends", "My friends only"]] },
      { name: "friend_requests", label: "Who may ask to be your friend", value: privacy.friend_requests, options: [["everyone", "Everyone"], ["question", "Who answers my question"], ["nobody", "Nobody"]] },
      { name: "friend_question", label: "Your question", value: privacy.friend_question ?? "", hint: "Asked of who wants to be your friend; you see the answer with the request.", attributes: { maxlength: 200 } },
      { name: "receipts", label: "Others see that I got and read their messages", type: "checkbox", value: privacy.receipts },
      { name: "searchable", label: "Others find me when they search for people", type: "checkbox", value: privacy.searchable },
    ],
    "Save privacy",
    async (values) => {
      await page.client.rest.setPrivacy(/** @type {import("/sdk/index.js").Privacy} */ ({ ...privacy, ...values }));
      page.toast("Your privacy settings are saved.");
      await refresh();
    },
  );
  return card("Privacy", inner);
}
