// Passkeys in a browser: WebAuthn's options and answers as JSON, whose bytes are base64url (Web Authentication Level 3, 5.1.8 to 5.1.10).
export const canPasskey = () => typeof globalThis.PublicKeyCredential === "function";
/** Makes a passkey on this device or a key that is plugged in. Raises: what the browser raises (DOMException). */
export async function createPasskey(options) {
    const inner = publicKeyOf(options);
    const user = inner["user"];
    const publicKey = {
        ...inner,
        challenge: bytesOf(inner["challenge"]),
        user: { ...user, id: bytesOf(user["id"]) },
        excludeCredentials: descriptors(inner["excludeCredentials"]),
    };
    const made = (await navigator.credentials.create({ publicKey }));
    const response = made.response;
    return answerOf(made, {
        clientDataJSON: textOf(response.clientDataJSON),
        attestationObject: textOf(response.attestationObject),
        transports: response.getTransports(),
    });
}
/** Lets the user choose a passkey and sign with it. Raises: what the browser raises (DOMException). */
export async function getPasskey(options) {
    const inner = publicKeyOf(options);
    const publicKey = {
        ...inner,
        challenge: bytesOf(inner["challenge"]),
        allowCredentials: descriptors(inner["allowCredentials"]),
    };
    const got = (await navigator.credentials.get({ publicKey }));
    const response = got.response;
    return answerOf(got, {
        clientDataJSON: textOf(response.clientDataJSON),
        authenticatorData: textOf(response.authenticatorData),
        signature: textOf(response.signature),
        userHandle: response.userHandle === null ? null : textOf(response.userHandle),
    });
}
/** Servers wrap the options in `publicKey`, or do not. */
const publicKeyOf = (options) => options["publicKey"] ?? options;
function answerOf(credential, response) {
    const { id, type } = credential;
    const clientExtensionResults = credential.getClientExtensionResults();
    return { id, rawId: textOf(credential.rawId), type, authenticatorAttachment: credential.authenticatorAttachment, clientExtensionResults, response };
}
function descriptors(given) {
    return (given ?? []).map((each) => ({ ...each, id: bytesOf(each["id"]) }));
}
export function bytesOf(text) {
    const base64 = String(text).replaceAll("-", "+").replaceAll("_", "/");
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}
export function textOf(bytes) {
    const chars = Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join("");
    return btoa(chars).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
