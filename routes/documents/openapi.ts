// OpenAPI 3.1 out of the routes and their operations.
import type * as z from "zod";
import { REFUSALS } from "../../kv/errors.ts";
import type { Operation, UserOperation } from "../../kv/operation.ts";
import { hasBody, isRepeatable, type Route } from "../route.ts";
import { codesOfStatus, problemSchema } from "./errors.ts";
import { type JsonSchema, reference, SchemaPool } from "./schemas.ts";
import { describeService } from "./service_paths.ts";

/** The document as a value; `routes` lie below /api/v1. */
export function openApi(routes: readonly Route[], version: string) {
  const pool = new SchemaPool();
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    const path = `/api/v1${route.path.replaceAll(/:(\w+)/g, "{$1}")}`;
    (paths[path] ??= {})[route.method.toLowerCase()] = describe(pool, route);
  }
  Object.assign(paths, describeService());
  const statuses = [...new Set(routes.flatMap(refusalsOf))].sort();
  return {
    openapi: "3.1.0",
    info: {
      title: "Kvorum",
      version,
      summary: "A realtime chat server on Deno KV",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: tagsOf(routes),
    paths,
    components: {
      schemas: sorted({ ...pool.components, Problem: problemSchema }),
      responses: Object.fromEntries(
        statuses.map((status) => [`Refused${status}`, refusal(status)]),
      ),
      parameters: {
        IdempotencyKey: idempotencyKey,
        KvorumUser: kvorumUser,
      },
      securitySchemes: {
        accessToken: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        serviceKey: {
          type: "http",
          scheme: "bearer",
          description: "A service key, with the scope that is named.",
        },
      },
    },
  };
}

function describe(pool: SchemaPool, route: Route): JsonSchema {
  const { operation, path } = route;
  const { parameters, body } = describeInput(pool, route);
  return {
    operationId: operation.name,
    tags: [path.split("/")[1]],
    summary: operation.summary,
    security: describeSecurity(operation),
    parameters: [
      ...parameters,
      ...(isRepeatable(route)
        ? [reference("parameters", "IdempotencyKey")]
        : []),
      ...(isForKeys(operation) ? [reference("parameters", "KvorumUser")] : []),
    ],
    ...(body === null ? {} : {
      requestBody: {
        required: requires(body),
        content: { "application/json": { schema: body } },
      },
    }),
    responses: {
      ...describeAnswers(pool, route),
      ...Object.fromEntries(
        refusalsOf(route).map((status) => [
          status,
          reference("responses", `Refused${status}`),
        ]),
      ),
    },
  };
}

function describeSecurity(operation: Operation): JsonSchema[] {
  if (operation.access === "public") return [];
  return [
    { accessToken: [] },
    ...(isForKeys(operation) ? [{ serviceKey: [operation.scope] }] : []),
  ];
}

function isForKeys(operation: Operation): operation is UserOperation {
  return operation.access === "user" && operation.scope !== undefined;
}

function describeAnswers(pool: SchemaPool, route: Route): JsonSchema {
  if (route.status === 204) return { 204: { description: "Done." } };
  const schema = pool.add(route.operation.output, "output");
  const content = { "application/json": { schema } };
  return {
    ...(route.existed === undefined
      ? {}
      : { 200: { description: "The one that exists.", content } }),
    [route.status]: {
      description: route.status === 201 ? "Made." : "Done.",
      content,
    },
  };
}

/** Fields that the path names are parameters; the others come in the query or in the body. */
function describeInput(pool: SchemaPool, route: Route) {
  const input = pool.add(route.operation.input, "input");
  const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name!);
  const required = namesOf(input["required"]);
  const fields = Object.entries(propertiesOf(input, route.operation.input));
  const parameter = (name: string, schema: JsonSchema): JsonSchema => ({
    name,
    in: inPath.includes(name) ? "path" : "query",
    required: required.includes(name),
    schema,
  });
  const outside = hasBody(route)
    ? fields.filter(([name]) => inPath.includes(name))
    : fields;
  const inside = Object.fromEntries(
    fields.filter(([name]) => !inPath.includes(name)),
  );
  const needed = required.filter((name) => Object.hasOwn(inside, name));
  const { properties: _, required: __, ...rest } = input;
  return {
    parameters: outside.map(([name, schema]) => parameter(name, schema)),
    body: !hasBody(route) || Object.keys(inside).length === 0 ? null : {
      ...rest,
      properties: inside,
      ...(needed.length === 0 ? {} : { required: needed }),
    },
  };
}

function propertiesOf(
  schema: JsonSchema,
  source: z.ZodType,
): Record<string, JsonSchema> {
  const { properties } = schema;
  if (typeof properties !== "object" || properties === null) {
    throw new Error(`An input must be a flat object, not ${source.type}`);
  }
  return properties as Record<string, JsonSchema>;
}

function namesOf(required: unknown): string[] {
  return Array.isArray(required) ? required.map(String) : [];
}

function requires(body: JsonSchema): boolean {
  return namesOf(body["required"]).length > 0;
}

function refusalsOf(route: Route): number[] {
  const { access, refusals = [] } = route.operation;
  const isPublic = access === "public";
  const statuses = [
    400,
    401,
    ...(isPublic ? [] : [403, 404]),
    ...(route.method === "GET" ? [] : [409]),
    ...(hasBody(route) ? [413, 415] : []),
    429,
    500,
    503,
    ...refusals.map((code) => REFUSALS[code].status),
  ];
  return [...new Set(statuses)].sort();
}

function refusal(status: number): JsonSchema {
  const header = (description: string): JsonSchema => ({
    description,
    schema: { type: "string" },
  });
  return {
    description: codesOfStatus(status)
      .map(({ code, title }) => `\`${code}\`: ${title}.`).join("\n"),
    headers: {
      "X-Request-Id": header("The request's name in the server's journal"),
      ...(status === 401 ? { "WWW-Authenticate": header("Bearer") } : {}),
      ...(status === 429 || status === 503
        ? { "Retry-After": header("Seconds") }
        : {}),
    },
    content: {
      "application/problem+json": { schema: reference("schemas", "Problem") },
    },
  };
}

const idempotencyKey: JsonSchema = {
  name: "Idempotency-Key",
  in: "header",
  description:
    "Makes the request safe to repeat: for 24 hours, a repeat with this key gets the first answer.",
  schema: { type: "string", pattern: "^[ -~]{1,255}$" },
};

const kvorumUser: JsonSchema = {
  name: "Kvorum-User",
  in: "header",
  description:
    "The id of the user for whom a service key acts, which takes the scope `act`.",
  schema: { type: "string" },
};

function tagsOf(routes: readonly Route[]): JsonSchema[] {
  const names = routes.map(({ path }) => path.split("/")[1]!);
  return [...new Set(names), "service"].map((name) => ({ name }));
}

function sorted<Value>(record: Record<string, Value>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
