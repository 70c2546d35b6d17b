// Whose address a whole server takes a request's to be, and a socket's, under either transport: behind a trusted
// proxy the client's, and without one the peer's.
import assert from "node:assert/strict";
import { FakeClock } from "../fake_clock.ts";
import { shakeHands } from "./handshake.ts";
import { type Served, served } from "./world.ts";

const REGISTER = "/auth/register";

function from(address: string) {
  return { "X-Forwarded-For": address };
}

async function statusesOf(
  { url }: Served,
  addresses: readonly string[],
): Promise<number[]> {
  const statuses: number[] = [];
  for (const address of addresses) {
    statuses.push((await shakeHands(url, "", from(address))).status);
  }
  return statuses;
}

/** The address that the server keeps for the session of who registers through a proxy. */
async function seenAs(server: Served, header: string): Promise<string> {
  const form = { username: "ada", password: "correct horse battery" };
  const { body } = await server.ask(null, "POST", REGISTER, form, from(header));
  const { user: { id }, accessToken: token } = body;
  const ada = { ...form, id, token, refreshToken: "" };
  const sessions = await server.ask(ada, "GET", "/auth/sessions");
  return sessions.body.items[0].address;
}

for (const transport of ["node", "native"] as const) {
  // One socket by address, and time stands still.
  const options = () => ({
    transport,
    clock: new FakeClock(),
  });
  const SCARCE = { RATE_SCALE: "0.01" };
  const ASKED = ["203.0.113.1", "10.0.0.1, 203.0.113.1", "203.0.113.2"];

  Deno.test(`behind a trusted proxy clients are told apart by their own addresses (${transport})`, async () => {
    const env = { TRUST_PROXY: "10.0.0.0/8, 127.0.0.1, ::1" };
    await served(
      async (server) =>
        assert.deepEqual(await statusesOf(server, ASKED), [101, 429, 101]),
      { ...options(), env: { ...env, ...SCARCE } },
    );
    await served(
      async (server) =>
        assert.equal(
          await seenAs(server, "6.6.6.6, 203.0.113.9, 10.0.0.2"),
          "203.0.113.9",
        ),
      { ...options(), env },
    );
  });

  Deno.test(`where no proxy is trusted, the log says once that one seems to be there (${transport})`, async () => {
    await served(async (server) => {
      await server.ask(null, "GET", "/users/me");
      assert.equal(server.told.length, 0);
      for (const address of ASKED) {
        await server.ask(null, "GET", "/users/me", undefined, from(address));
      }
      await statusesOf(server, ASKED);
      assert.equal(server.told.length, 1);
      assert.equal(server.told[0]?.event, "proxy.untrusted");
      assert.match(String(server.told[0]?.fields?.reason), /TRUST_PROXY/);
    }, options());
    const env = { TRUST_PROXY: "10.0.0.0/8" };
    await served(async (server) => {
      await statusesOf(server, ASKED);
      assert.deepEqual(server.told, []);
    }, { ...options(), env });
  });

  Deno.test(`what a stranger forwards is not believed (${transport})`, async () => {
    const env = { TRUST_PROXY: "10.0.0.0/8" };
    await served(
      async (server) =>
        assert.deepEqual(await statusesOf(server, ASKED), [101, 429, 429]),
      { ...options(), env: { ...env, ...SCARCE } },
    );
    await served(
      async (server) =>
        assert.match(await seenAs(server, "203.0.113.9"), /127\.0\.0\.1$/),
      { ...options(), env },
    );
  });
}
