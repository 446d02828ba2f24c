// oidc-provider with one client, for the tests: `node idp.js PORT CALLBACK...`. Any account name signs in, its sub is "sub-" + name.
import Provider from "oidc-provider";

const [port, ...redirectUris] = process.argv.slice(2);
const client = {
  client_id: "warbler",
  client_secret: "a secret of the client",
  redirect_uris: redirectUris,
  grant_types: ["authorization_code"],
  response_types: ["code"],
};
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [client],
  pkce: { required: () => true },
  claims: { openid: ["sub"], profile: ["name"] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: id.replace("sub-", "") }) }),
  cookies: { keys: ["for the tests alone"] },
});
provider.listen(Number(port), "127.0.0.1");
