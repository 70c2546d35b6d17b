// The routes at the root: for browsers, tools and whoever watches the process.
import assert from "node:assert/strict";
import { conformsToRest } from "../documents/conforms.ts";
import { inApp } from "./world.ts";

Deno.test("/healthz and /readyz answer, and /readyz refuses until the server is ready", async () => {
  let ready = false;
  await inApp(async ({ fetch }) => {
    const statusOf = async (path: string) => {
      const response = await fetch(path);
      conformsToRest("GET", path, response.status, await response.json());
      return response.status;
    };
    assert.equal(await statusOf("/healthz"), 200);
    assert.equal(await statusOf("/readyz"), 503);
    ready = true;
    assert.equal(await statusOf("/readyz"), 200);
  }, { ready: () => ready });
});

Deno.test("the key set has public keys only", () =>
  inApp(async ({ fetch, join }) => {
    await join("ada");
    const response = await fetch("/.well-known/jwks.json");
    const body = await response.json();
    conformsToRest("GET", "/.well-known/jwks.json", 200, body);
    assert.ok(body.keys.length >= 1);
    for (const key of body.keys) assert.equal("d" in key, false);
  }));

Deno.test("pages need nothing from elsewhere and run nothing", () =>
  inApp(async ({ fetch }) => {
    for (const path of ["/", "/docs"]) {
      const response = await fetch(path);
      const text = await response.text();
      assert.match(response.headers.get("content-type") ?? "", /text\/html/);
      const policy = response.headers.get("content-security-policy") ?? "";
      assert.match(policy, /default-src 'none'; style-src 'self'/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.doesNotMatch(text, /<script|style=|(src|href)="https?:/);
      assert.doesNotMatch(text, /undefined|\[object/);
    }
  }));

Deno.test("/docs tells of a parameter where it goes and what it means", () =>
  inApp(async ({ fetch }) => {
    const page = await (await fetch("/docs")).text();
    assert.match(page, /In the query\. Up to 100 ids, separated by commas/);
    assert.match(page, /In the path/);
  }));

Deno.test("every link within /docs leads somewhere", () =>
  inApp(async ({ fetch }) => {
    const page = await (await fetch("/docs")).text();
    const ids = new Set(
      [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id),
    );
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    assert.ok(links.length > 60);
    for (const link of links) assert.ok(ids.has(link), `#${link}`);
    assert.equal(page.match(/ id="/g)?.length, ids.size, "an id stands twice");
    assert.ok(ids.has("not_found"), "problems' types point here");
  }));
