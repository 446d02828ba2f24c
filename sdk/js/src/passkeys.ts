// Passkeys in a browser: WebAuthn's options and answers as JSON, whose bytes are base64url (Web Authentication Level 3, 5.1.8 to 5.1.10).

/** What a server asks an authenticator. `challenge` names the question to the server; `options` is for the browser. */
export interface PasskeyOptions {
  readonly challenge: string;
  readonly options: Readonly<Record<string, unknown>>;
}

type Json = Record<string, unknown>;

export const canPasskey = (): boolean => typeof globalThis.PublicKeyCredential === "function";

/** Makes a passkey on this device or a key that is plugged in. Raises: what the browser raises (DOMException). */
export async function createPasskey(options: Json): Promise<Json> {
  const inner = publicKeyOf(options);
  const user = inner["user"] as Json;
  const publicKey = {
    ...inner,
    challenge: bytesOf(inner["challenge"]),
    user: { ...user, id: bytesOf(user["id"]) },
    excludeCredentials: descriptors(inner["excludeCredentials"]),
  } as unknown as PublicKeyCredentialCreationOptions;
  const made = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential;
  const response = made.response as AuthenticatorAttestationResponse;
  return answerOf(made, {
    clientDataJSON: textOf(response.clientDataJSON),
    attestationObject: textOf(response.attestationObject),
    transports: response.getTransports(),
  });
}

/** Lets the user choose a passkey and sign with it. Raises: what the browser raises (DOMException). */
export async function getPasskey(options: Json): Promise<Json> {
  const inner = publicKeyOf(options);
  const publicKey = {
    ...inner,
    challenge: bytesOf(inner["challenge"]),
    allowCredentials: descriptors(inner["allowCredentials"]),
  } as unknown as PublicKeyCredentialRequestOptions;
  const got = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
  const response = got.response as AuthenticatorAssertionResponse;
  return answerOf(got, {
    clientDataJSON: textOf(response.clientDataJSON),
    authenticatorData: textOf(response.authenticatorData),
    signature: textOf(response.signature),
    userHandle: response.userHandle === null ? null : textOf(response.userHandle),
  });
}

/** Servers wrap the options in `publicKey`, or do not. */
const publicKeyOf = (options: Json): Json => (options["publicKey"] as Json | undefined) ?? options;

function answerOf(credential: PublicKeyCredential, response: Json): Json {
  const { id, type } = credential;
  const clientExtensionResults = credential.getClientExtensionResults();
  return { id, rawId: textOf(credential.rawId), type, authenticatorAttachment: credential.authenticatorAttachment, clientExtensionResults, response };
}

function descriptors(given: unknown): PublicKeyCredentialDescriptor[] {
  return ((given ?? []) as Json[]).map((each) => ({ ...each, id: bytesOf(each["id"]) }) as unknown as PublicKeyCredentialDescriptor);
}

export function bytesOf(text: unknown): Uint8Array<ArrayBuffer> {
  const base64 = String(text).replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

export function textOf(bytes: ArrayBuffer | Uint8Array): string {
  const chars = Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join("");
  return btoa(chars).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
