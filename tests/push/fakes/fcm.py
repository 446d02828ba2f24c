"""FCM's HTTP v1 and Google's token end point, with what both check: the signed assertion, the access token, each field of a message."""

import json
import re
import secrets
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from tests.push.fakes.base import FakeVendor, Mood, Reply, Request, json_reply

PROJECT = "warbler-test"
EMAIL = f"push@{PROJECT}.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCE = "https://oauth2.googleapis.com/token"  # whatever the key file's token_uri says
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
PAYLOAD_BYTES_LIMIT = 4_096
FIELDS = {"token", "data", "notification", "android"}
ANDROID = {"priority": str, "ttl": str, "collapse_key": str, "notification": dict}
RESERVED = re.compile(r"(from|message_type)$|google\.|gcm\.")
KEY = rsa.generate_private_key(65537, 2048)  # made anew for each run: no key lies in the repository


class FakeFcm(FakeVendor):
    """`messages`: as they were accepted. `token_mood`: how the token end point answers. `life_s`: how long its access tokens last."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.messages: list[dict[str, Any]] = []
        self.access: dict[str, float] = {}
        self.token_mood: Mood = "ok"
        self.tokens_made = 0
        self.life_s = 3_600

    def key_file(self, **changes: object) -> str:
        """The JSON of the service account's key."""
        pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        fields = {"type": "service_account", "project_id": PROJECT, "private_key_id": "k1", "private_key": pem, "client_email": EMAIL}
        return json.dumps({**fields, "client_id": "1", "token_uri": f"{self.url}/token", **changes})

    @staticmethod
    def token(number: int = 1) -> str:
        return f"device{number}:APA91b{'x' * 120}{number}"

    def revoke(self) -> None:
        """No access token that was made so far is good any more."""
        self.access.clear()

    async def receive(self, request: Request) -> Reply | Mood:
        if request.path == "/token":
            return self._token(request)
        if request.path != f"/v1/projects/{PROJECT}/messages:send" or request.method != "POST":
            return error(404, "NOT_FOUND", "Requested entity was not found.")
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.access.get(bearer, 0) < time.time():
            return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        try:
            message = json.loads(request.body)["message"]
        except (ValueError, KeyError, TypeError):
            return error(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
        if problem := problem_of(message):
            self.violation(f"{problem}: {message}")
            return error(400, "INVALID_ARGUMENT", problem, field=problem.partition(" ")[0])
        return self._send(message)

    def _send(self, message: dict[str, Any]) -> Reply | Mood:
        token = message["token"]
        if ":APA91b" not in token:
            return error(400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token", fcm="INVALID_ARGUMENT")
        mood = self.mood(token)
        match mood:
            case "ok" | "lost":
                self.messages.append(message)
                self.shown[token].append(message["data"]["key"])
                return mood if mood == "lost" else json_reply(200, {"name": f"projects/{PROJECT}/messages/{secrets.token_hex(8)}"})
            case "busy":
                return error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", "QUOTA_EXCEEDED", retry_after_s=self.retry_after_s)
            case "error":
                return error(500, "INTERNAL", "Internal error encountered.", "INTERNAL")
            case "dead":
                return error(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED")
            case _:
                return mood

    def _token(self, request: Request) -> Reply | Mood:
        if self.token_mood == "dead":
            return json_reply(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        if self.token_mood == "error":
            return json_reply(503, {"error": "internal_failure"})
        if self.token_mood != "ok":
            return self.token_mood
        if problem := self._grant_problem(request):
            self.violation(problem)
            return json_reply(400, {"error": "invalid_grant", "error_description": problem})
        self.tokens_made += 1
        made = f"ya29.{secrets.token_urlsafe(32)}"
        self.access[made] = time.time() + self.life_s
        return json_reply(200, {"access_token": made, "expires_in": self.life_s, "token_type": "Bearer"})

    def _grant_problem(self, request: Request) -> str | None:
        form = request.form
        if form.get("grant_type") != GRANT:
            return f"grant {form.get('grant_type')!r}"
        try:
            key = RSAKey.import_key(KEY.public_key())
            claims = jwt.decode(form.get("assertion", ""), key, algorithms=["RS256"]).claims
        except (ValueError, JoseError) as bad:
            return f"assertion: {bad}"
        now_s = time.time()
        good = claims.get("iss") == EMAIL and claims.get("aud") == AUDIENCE and SCOPE in str(claims.get("scope"))
        times = claims.get("iat", 0) <= now_s + 60 and now_s < claims.get("exp", 0) <= claims.get("iat", 0) + 3_600
        return None if good and times else f"claims {claims}"


def problem_of(message: Any) -> str | None:
    """What FCM would refuse of a message, beginning with the field's name."""
    if not isinstance(message, dict) or not isinstance(message.get("token"), str):
        return "message.token is missing"
    if unknown := set(message) - FIELDS:
        return f"message.{sorted(unknown)[0]} is unknown"
    data, android = message.get("data", {}), message.get("android", {})
    if bad := [name for name, value in data.items() if not isinstance(value, str) or RESERVED.match(name)]:
        return f"message.data.{bad[0]} is reserved or no text"
    if bad := [name for name, value in android.items() if name not in ANDROID or not isinstance(value, ANDROID[name])]:
        return f"message.android.{bad[0]} is unknown"
    if not re.fullmatch(r"[0-9]{1,7}s", android.get("ttl", "0s")) or int(android.get("ttl", "0s")[:-1]) > 2_419_200:
        return "message.android.ttl is none"
    if android.get("priority", "NORMAL") not in ("NORMAL", "HIGH"):
        return "message.android.priority is none"
    counted = {**data, **message.get("notification", {})}
    if sum(len(name.encode()) + len(value.encode()) for name, value in counted.items()) > PAYLOAD_BYTES_LIMIT:
        return "message is too big"
    return None


def error(status: int, name: str, words: str, fcm: str = "", field: str = "", retry_after_s: int | None = None) -> Reply:
    details: list[dict[str, Any]] = [{"@type": FCM_ERROR, "errorCode": fcm}] if fcm else []
    if field:
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": field, "description": words}]})
    headers = () if retry_after_s is None else (("retry-after", str(retry_after_s)),)
    return json_reply(status, {"error": {"code": status, "message": words, "status": name, "details": details}}, *headers)
