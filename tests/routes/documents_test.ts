// The committed documents: what the tables say now, valid by their own standards, and complete.
import { Validator } from "@seriousme/openapi-schema-validator";
import asyncApiSchema from "@asyncapi/specs/schemas/3.0.0-without-$id.json" with {
  type: "json",
};
import { Ajv } from "ajv";
import assert from "node:assert/strict";
import * as z from "zod";
import { apiDocuments } from "../../docs/generate.ts";
import { OPERATIONS } from "../../kv/operations.ts";
import { ROUTES } from "../../routes/routes.ts";
import { conformsToFrame, conformsToRest } from "../documents/conforms.ts";

async function committed(name: string): Promise<string> {
  return await Deno.readTextFile(
    new URL(`../../docs/${name}`, import.meta.url),
  );
}

for (const [name, text] of apiDocuments()) {
  Deno.test(`${name} is what the code says: else run deno task docs`, async () => {
    assert.ok(await committed(name) === text, `docs/${name} has drifted`);
  });
}

Deno.test("openapi.json is valid OpenAPI 3.1", async () => {
  const document = JSON.parse(await committed("openapi.json"));
  const { valid, errors } = await new Validator().validate(document);
  assert.ok(valid, JSON.stringify(errors));
});

Deno.test("asyncapi.json is valid AsyncAPI 3.0", async () => {
  // The schema brings its own draft-07 along, under an id that Ajv has already.
  const ajv = new Ajv({
    strict: false,
    validateFormats: false,
    meta: false,
    validateSchema: false,
  });
  const document = JSON.parse(await committed("asyncapi.json"));
  assert.ok(ajv.validate(asyncApiSchema, document), ajv.errorsText());
});

Deno.test("every operation has one route, and every route's parameters are in its input", () => {
  const routed = ROUTES.map(({ operation }) => operation.name).sort();
  assert.deepEqual(routed, OPERATIONS.map(({ name }) => name).sort());
  for (const { path, operation } of ROUTES) {
    const { properties = {} } = z.toJSONSchema(operation.input, {
      io: "input",
    });
    for (const [, name] of path.matchAll(/:(\w+)/g)) {
      assert.ok(Object.hasOwn(properties, name!), `${operation.name}: ${name}`);
    }
  }
});

Deno.test("conformsToRest() refuses what the documents do not have", () => {
  const user = { id: "u1", username: "ada", displayName: "Ada" };
  const createdAt = "2030-01-01T00:00:00.000Z";
  const good = { ...user, createdAt, role: "user" };
  const path = "/api/v1/users/me";
  conformsToRest("GET", path, 200, good);
  conformsToRest("DELETE", path, 204, undefined);
  const bad: [string, string, number, unknown][] = [
    ["GET", path, 200, user],
    ["GET", path, 200, { ...good, password: "x" }],
    ["GET", path, 418, good],
    ["GET", "/api/v1/nothing", 200, good],
    ["DELETE", path, 204, {}],
    ["GET", path, 404, { error: "no" }],
  ];
  for (const [method, path, status, body] of bad) {
    assert.throws(() => conformsToRest(method, path, status, body));
  }
});

Deno.test("conformsToFrame() refuses what the documents do not have", () => {
  const reply = { type: "reply", id: "1", ok: true };
  const sent = { messageId: "m", seq: 3, n: 1, duplicate: false };
  const data = { ...sent, at: "2030-01-01T00:00:00.000Z" };
  conformsToFrame([{ ...reply, data }], "message.send");
  const error = { code: "invalid", message: "No.", retryable: false };
  conformsToFrame({ ...reply, id: null, ok: false, error });
  const bad: unknown[] = [
    { ...reply, data: sent },
    { ...reply, data: { ...data, from: "x" } },
    { ...reply, ok: false, error: { ...error, code: "oops" } },
    { type: "no.such.event", data: {} },
    [[{ type: "no.such.event" }]],
    7,
  ];
  for (const frame of bad) {
    assert.throws(
      () => conformsToFrame(frame, "message.send"),
      JSON.stringify(frame),
    );
  }
});
