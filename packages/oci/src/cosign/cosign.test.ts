import { verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fingerprint, generateKeyPair, readPrivateKey, readPublicKey } from "./keys.ts";
import { payloadBytes, readPayload } from "./payload.ts";
import { isSignatureOf, PAYLOAD_TYPE, signatureTag } from "./signatures.ts";

// Made with cosign 2.4.1 for this test: a pair, its password, and a signature.
const PASSWORD = "a test password";
const ENCRYPTED = `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJSL0Q3Vm44M0RNL3pIME10WC9IUm1wWVJ2NFB1K0ZY
dnRBREhxMUZtWkhNPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJMM1hQRTQ1RW8xVjdDLytWazVONTdaaGZKckhjUWhKMCJ9LCJj
aXBoZXJ0ZXh0IjoiekFTNEo1VzJOcldQaU5IbHZYYlVLTVV5R1RTYVJyU3RDRklC
eGhpaWtacklHM04vVVRDM1VpQzlqTHRUZ25IYlphWXpVQTVNbWdoc0JtaDFlK1lu
THFPYlFKNzYvdHlLQkkwVTVjeWRaRlF5SjZrQVdqNVN5NU01VzJNdHlGeDB1VWpq
NnJVVVkvMDQ2WWlNTVZZeXNZLzNFUXhBV0VJQjZZQjBaaWE4bmJCZXpqbXU2MW9T
K0x4TzhCQmxVSG9GR3VkcVp1RGJCVWpHQUE9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`;
const PUBLIC = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2eipeE/hSsDsf0u7FwL/RkYSWMrq
5CwGVpaSe4IrgXo7rlEC2+p0FEpbFmuIRR49fvRyZYJvrMD0owrzPoxlkQ==
-----END PUBLIC KEY-----
`;
const DIGEST = "sha256:a5a7b83ddf8bf75732ba3e968e89fa1de6db28b4f5ed419a5d0750cdb8b3a239";
const IDENTITY = "127.0.0.1:44867/base/python";
const SIGNATURE =
  "MEUCIQC8/xnxQj+LWxkufZMOsqP5UUJ5wWxmXCjpl4p1uK2wtAIgRkcGoSBJNRL6GbiVQLZ6SqDu0xMj12TD92lKVQK62eM=";

describe("the payload", () => {
  it("has the bytes that cosign gives it", () => {
    const bytes = payloadBytes({ digest: DIGEST, identity: IDENTITY });
    expect(bytes.toString()).toBe(
      `{"critical":{"identity":{"docker-reference":"${IDENTITY}"},"image":{"docker-manifest-digest":"${DIGEST}"},"type":"cosign container image signature"},"optional":null}`,
    );
    const signed = verify("sha256", bytes, PUBLIC, Buffer.from(SIGNATURE, "base64"));
    expect(signed).toBe(true);
    expect(readPayload(bytes)).toEqual({ digest: DIGEST, identity: IDENTITY });
  });

  it("is read with claims of the signer in it, and not where it is about something else", () => {
    const critical = {
      identity: { "docker-reference": "a.b/c" },
      image: { "docker-manifest-digest": DIGEST },
      type: "cosign container image signature",
    };
    const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
    expect(readPayload(bytes({ critical, optional: { creator: "ci" } }))).toEqual({
      digest: DIGEST,
      identity: "a.b/c",
    });
    for (const wrong of [
      null,
      [],
      { critical: null },
      { critical: { ...critical, type: "atomic container signature" } },
      { critical: { ...critical, image: { "docker-manifest-digest": "sha256:1" } } },
      { critical: { ...critical, identity: {} } },
    ])
      expect(readPayload(bytes(wrong))).toBeUndefined();
    expect(readPayload(Buffer.from("{"))).toBeUndefined();
  });

  it("lies under a tag made of the digest", () => {
    expect(signatureTag(DIGEST)).toBe(
      "sha256-a5a7b83ddf8bf75732ba3e968e89fa1de6db28b4f5ed419a5d0750cdb8b3a239.sig",
    );
  });
});

describe("keys", () => {
  it("a private key of cosign opens with its password, and is the other half of its public key", async () => {
    const key = await readPrivateKey(ENCRYPTED, PASSWORD);
    const payload = payloadBytes({ digest: DIGEST, identity: IDENTITY });
    const layer = {
      mediaType: PAYLOAD_TYPE,
      digest: DIGEST,
      size: payload.length,
      annotations: { "dev.cosignproject.cosign/signature": SIGNATURE },
    };
    expect(isSignatureOf(layer, payload, key)).toBe(true);
    expect(isSignatureOf(layer, payload, readPublicKey(PUBLIC))).toBe(true);
    expect(isSignatureOf(layer, payload, readPublicKey(generateKeyPair().publicKey))).toBe(false);
    expect(isSignatureOf(layer, Buffer.from("other"), key)).toBe(false);
    expect(isSignatureOf({ ...layer, annotations: {} }, payload, key)).toBe(false);
    expect(fingerprint(readPublicKey(PUBLIC))).toMatch(/^sha256:0bf2f108/);
  });

  it("a wrong password, none, and a broken file are told apart, and never quoted", async () => {
    await expect(readPrivateKey(ENCRYPTED, "wrong-one")).rejects.toMatchObject({
      code: "bad_request",
      message: expect.stringMatching(/the password is wrong$/),
    });
    await expect(readPrivateKey(ENCRYPTED, undefined)).rejects.toThrow(/no password was given/);
    const lines = ENCRYPTED.split("\n");
    const broken = [lines[0], lines[2], ...lines.slice(-2)].join("\n");
    await expect(readPrivateKey(broken, PASSWORD)).rejects.toThrow(/not JSON/);
    await expect(readPrivateKey("nonsense", undefined)).rejects.toThrow(/no PEM/);
  });

  it("scrypt parameters that would take all memory are refused", async () => {
    const lines = ENCRYPTED.split("\n");
    const json = Buffer.from(lines.slice(1, -2).join(""), "base64").toString();
    const greedy = Buffer.from(json.replace("65536", "1073741824")).toString("base64");
    const pem = [lines[0], greedy, ...lines.slice(-2)].join("\n");
    await expect(readPrivateKey(pem, PASSWORD)).rejects.toThrow(/scrypt parameters cannot be used/);
  });

  it("a private key where a public one belongs is refused, as are other curves", () => {
    const pair = generateKeyPair();
    expect(() => readPublicKey(pair.privateKey)).toThrow(/a private key was given/);
    const ed25519 =
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    expect(() => readPublicKey(ed25519)).toThrow(/not ECDSA on the curve P-256/);
  });
});
