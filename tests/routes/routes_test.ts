// Every route once, as two people use it: the right status, and an answer that the documents have.
import assert from "node:assert/strict";
import { appoint } from "../../kv/accounts/admins.ts";
import { ROUTES } from "../../routes/routes.ts";
import { inApp } from "./world.ts";

Deno.test("every route answers with its status", () =>
  inApp(async (world) => {
    const asked = new Set<string>();
    const { id: bob } = await world.join("bob");
    let token = "";
    const ask = async (
      method: string,
      path: string,
      status: number,
      json?: unknown,
    ) => {
      const answer = await world.ask(method, path, {
        ...(token === "" ? {} : { token }),
        ...(json === undefined ? {} : { json }),
      });
      assert.equal(
        answer.status,
        status,
        `${method} ${path} ${JSON.stringify(answer.body)}`,
      );
      asked.add(`${method} ${templateOf(method, path)}`);
      return answer.body;
    };

    const account = { username: "ada", password: "password of ada" };
    await ask("POST", "/auth/register", 201, account);
    const login = { login: "ada", password: account.password };
    const { refreshToken, user: ada } = await ask(
      "POST",
      "/auth/login",
      200,
      login,
    );
    const refreshed = await ask("POST", "/auth/refresh", 200, { refreshToken });
    token = refreshed.accessToken;
    await ask("POST", "/auth/tickets", 201);
    const { items: sessions } = await ask("GET", "/auth/sessions", 200);
    const other = sessions.find(({ current }: { current: boolean }) =>
      !current
    );
    await ask("GET", `/auth/sessions/${other.id}`, 200);
    await ask("DELETE", `/auth/sessions/${other.id}`, 204);

    await ask("GET", "/users/me", 200);
    await ask("PATCH", "/users/me", 200, { about: "first" });
    await ask("GET", `/users/${bob}`, 200);
    assert.equal((await ask("GET", "/users?q=bo", 200)).items[0].id, bob);
    const both = await ask("GET", `/users?ids=${bob},${ada.id}`, 200);
    assert.equal(both.items.length, 2);

    const direct = { type: "direct", members: [bob] };
    const { id: pair } = await ask("POST", "/rooms", 200, direct);
    assert.equal((await ask("POST", "/rooms", 200, direct)).id, pair);
    const channel = { type: "channel", name: "news" };
    const { id: room } = await ask("POST", "/rooms", 201, channel);
    await ask("GET", "/rooms?limit=10", 200);
    await ask("GET", "/rooms/public", 200);
    const seen = await ask("GET", `/rooms/${room}`, 200);
    assert.deepEqual([seen.asOf, seen.seq], [2, 2]);
    await ask("PATCH", `/rooms/${room}`, 200, { description: "what is new" });

    const members = `/rooms/${room}/members`;
    await ask("POST", members, 201, { userId: bob });
    await ask("GET", members, 200);
    await ask("PATCH", `${members}/${bob}`, 200, { role: "admin" });
    await ask("DELETE", `${members}/${bob}`, 204);

    const invites = `/rooms/${room}/invites`;
    const { code } = await ask("POST", invites, 201, { maxUses: 1 });
    assert.equal((await ask("GET", invites, 200)).items[0].code, code);
    assert.equal((await ask("POST", `/invites/${code}/accept`, 200)).id, room);
    await ask("DELETE", `${invites}/${code}`, 204);

    const messages = `/rooms/${room}/messages`;
    const message = { text: "hi", clientId: "c1" };
    const { messageId, seq } = await ask("POST", messages, 201, message);
    await ask("POST", messages, 200, message);
    await ask("GET", `${messages}?after=0&limit=10`, 200);
    await ask("GET", `${messages}/${messageId}`, 200);
    await ask("PUT", `/rooms/${room}/receipts`, 200, { seq });
    await ask("PATCH", `${messages}/${messageId}`, 200, { text: "ho" });
    await ask("DELETE", `${messages}/${messageId}`, 200);

    await ask("POST", `/rooms/${room}/join`, 200);
    await ask("DELETE", `/rooms/${room}`, 204);
    const group = { type: "group", name: "us", members: [bob] };
    const { id: next } = await ask("POST", "/rooms", 201, group);
    await ask("POST", `/rooms/${next}/leave`, 204);

    await appoint(world.core, ada.id);
    const cyd = { username: "cyd" };
    const { id: third } = await ask("POST", "/admin/users", 201, cyd);
    await ask("POST", "/admin/users", 409, cyd);
    await ask("GET", "/admin/users?username=CYD", 200);
    await ask("POST", `/admin/users/${third}/sessions`, 201);
    for (const suspended of [true, false]) {
      await ask("PATCH", `/admin/users/${third}`, 200, { suspended });
    }
    const service = { name: "shop", scopes: ["users"] };
    const { id: key } = await ask("POST", "/admin/keys", 201, service);
    await ask("GET", "/admin/keys?limit=1", 200);
    await ask("DELETE", `/admin/keys/${key}`, 204);

    await ask("DELETE", "/auth/sessions", 204);
    token = (await ask("POST", "/auth/login", 200, login)).accessToken;
    await ask("DELETE", "/users/me", 204);
    await ask("POST", "/auth/logout", 204, { refreshToken });

    const all = ROUTES.map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(all.filter((one) => !asked.has(one)), []);
  }));

function templateOf(method: string, path: string): string | undefined {
  const pathname = path.split("?")[0]!;
  return ROUTES.find((route) =>
    route.method === method &&
    new RegExp(`^${route.path.replaceAll(/:\w+/g, "[^/]+")}$`).test(pathname)
  )?.path;
}
