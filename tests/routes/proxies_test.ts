// Whose request it is behind proxies: what trusted ones wrote is believed, and nothing that anybody else did.
import assert from "node:assert/strict";
import { RateLimits, RATES } from "../../kv/rates.ts";
import { believing, peerAddress } from "../../routes/proxies.ts";
import { FakeClock } from "../fake_clock.ts";
import { inApp, refused } from "./world.ts";

const TRUSTED = ["10.0.0.0/8", "192.0.2.7", "fd00::/8", "::1"];

/** Peer, header, and whose address it is then. */
const CASES: Record<string, [string | undefined, string | undefined, string]> =
  {
    "nothing forwarded": ["198.51.100.1", undefined, "198.51.100.1"],
    "a header from a stranger": ["198.51.100.1", "203.0.113.9", "198.51.100.1"],
    "one from a neighbour of a proxy": ["192.0.2.8", "1.2.3.4", "192.0.2.8"],
    "one proxy": ["10.1.2.3", "203.0.113.9", "203.0.113.9"],
    "a single trusted address": ["192.0.2.7", "203.0.113.9", "203.0.113.9"],
    "two proxies": ["10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"],
    "what the client wrote itself": [
      "10.0.0.1",
      "1.1.1.1, 10.9.9.9, 203.0.113.9",
      "203.0.113.9",
    ],
    "a proxy without the header": ["10.0.0.1", undefined, "10.0.0.1"],
    "an empty header": ["10.0.0.1", "", "10.0.0.1"],
    "only proxies": ["10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"],
    "IPv6": ["fd12::1", "2001:db8::5", "2001:db8::5"],
    "IPv6 loopback": ["::1", "2001:db8::5", "2001:db8::5"],
    "a mapped peer": ["::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"],
    "a mapped peer in hex": ["::ffff:a00:1", "203.0.113.9", "203.0.113.9"],
    "a mapped stranger": ["::ffff:8.8.8.8", "203.0.113.9", "::ffff:8.8.8.8"],
    "a mapped hop": [
      "10.0.0.1",
      "203.0.113.9, ::ffff:10.0.0.2",
      "203.0.113.9",
    ],
    "a port": ["10.0.0.1", "203.0.113.9:4711", "203.0.113.9"],
    "a port after IPv6": ["10.0.0.1", "[2001:db8::5]:4711", "2001:db8::5"],
    "brackets": ["10.0.0.1", "[2001:db8::5]", "2001:db8::5"],
    "a zone": ["10.0.0.1", "fe80::1%eth0", "fe80::1"],
    "blanks": ["10.0.0.1", "  203.0.113.9 \t", "203.0.113.9"],
    "a word": ["10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"],
    "an obfuscated hop": [
      "10.0.0.1",
      "203.0.113.9, _hidden, 10.0.0.2",
      "10.0.0.2",
    ],
    "garbage further left": [
      "10.0.0.1",
      "<script>, 203.0.113.9",
      "203.0.113.9",
    ],
    "an end that is empty": ["10.0.0.1", "203.0.113.9,", "10.0.0.1"],
    "octal": ["10.0.0.1", "010.0.0.1", "10.0.0.1"],
    "a number": ["10.0.0.1", "167772161", "10.0.0.1"],
    "a block": ["10.0.0.1", "203.0.113.0/24", "10.0.0.1"],
    "too many colons": ["10.0.0.1", "1.2.3.4:1:2", "10.0.0.1"],
    "open brackets": ["10.0.0.1", "[2001:db8::5", "10.0.0.1"],
    "a peer without an address": [undefined, "203.0.113.9", "unknown"],
    "a socket's path for a peer": ["/run/x.sock", "203.0.113.9", "/run/x.sock"],
  };

for (const [name, [peer, header, expected]] of Object.entries(CASES)) {
  Deno.test(`believing() reads the chain from the right: ${name}`, () => {
    assert.equal(believing(TRUSTED)(peer, header), expected);
  });
}

Deno.test("believing() nobody, nothing that the header says matters, only that it came", () => {
  let came = 0;
  const addressOf = believing([], () => came++);
  assert.equal(addressOf("10.0.0.1", undefined), "10.0.0.1");
  assert.equal(came, 0);
  assert.equal(addressOf("10.0.0.1", "203.0.113.9"), "10.0.0.1");
  assert.equal(addressOf("::1", ""), "::1");
  assert.equal(came, 2);
  assert.equal(peerAddress("10.0.0.1", "203.0.113.9"), "10.0.0.1");
  assert.equal(peerAddress(undefined, "203.0.113.9"), "unknown");
});

Deno.test("believing() copes with the longest header", () => {
  const long = `203.0.113.9${", 10.0.0.2".repeat(2000)}`;
  assert.equal(believing(TRUSTED)("10.0.0.1", long), "203.0.113.9");
  const junk = ",".repeat(16_000);
  assert.equal(believing(TRUSTED)("10.0.0.1", junk), "10.0.0.1");
});

Deno.test("behind a trusted proxy each client has its own limits, and cannot write itself another address", async () => {
  const rates = new RateLimits(new FakeClock(), 1);
  // The peer of this app's requests.
  const addressOf = believing(["192.0.2.1"]);
  await inApp(async ({ ask }) => {
    const logIn = (forwarded: string) =>
      ask("POST", "/auth/login", {
        json: {},
        headers: { "X-Forwarded-For": forwarded },
      });
    for (let i = 0; i < RATES.signIns.burst; i++) {
      refused(await logIn(`10.0.0.${i}, 203.0.113.1`), 400, "invalid");
    }
    refused(await logIn("10.0.1.1, 203.0.113.1"), 429, "rate_limited");
    refused(await logIn("203.0.113.2"), 400, "invalid");
  }, { rates, addressOf });
});

Deno.test("without trusted proxies all who come through one share its limits, whatever they write", async () => {
  const rates = new RateLimits(new FakeClock(), 1);
  await inApp(async ({ ask }) => {
    const logIn = (forwarded: string) =>
      ask("POST", "/auth/login", {
        json: {},
        headers: { "X-Forwarded-For": forwarded },
      });
    for (let i = 0; i < RATES.signIns.burst; i++) await logIn(`203.0.113.${i}`);
    refused(await logIn("203.0.113.250"), 429, "rate_limited");
  }, { rates });
});
