// Says for each delivery on standard input whether the reference library takes it: a JSON list of {secret, headers, body}
// in, a JSON list of true or the reason why not out. `public_key` instead of `secret`: an Ed25519 signature (v1a), which
// the library does not know, by Node's own cryptography.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

function takesAsymmetric({ public_key, headers, body }) {
  const raw = Buffer.from(public_key.replace(/^whpk_/, ""), "base64");
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") },
    format: "jwk",
  });
  const content = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  const signatures = headers["webhook-signature"].split(" ").filter((each) => each.startsWith("v1a,"));
  return signatures.some((each) => verify(null, content, key, Buffer.from(each.slice(4), "base64")));
}

function verdict(delivery) {
  if (delivery.public_key) {
    return takesAsymmetric(delivery) || "No matching signature found";
  }
  try {
    new Webhook(delivery.secret).verify(delivery.body, delivery.headers);
    return true;
  } catch (error) {
    return error.message;
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(verdict)));
