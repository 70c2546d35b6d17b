// The service routes as OpenAPI paths: few, and not operations.
import { type JsonSchema, objectOf, reference } from "./schemas.ts";

const text: JsonSchema = { type: "string" };

export function describeService(): Record<string, Record<string, JsonSchema>> {
  const status = objectOf({ status: text });
  const keySet = objectOf({
    keys: { type: "array", items: { type: "object" } },
  });
  return {
    "/healthz": { get: get("health", "Whether the process lives", status) },
    "/readyz": {
      get: get("readiness", "Whether it can serve requests", status, {
        503: reference("responses", "Refused503"),
      }),
    },
    "/.well-known/jwks.json": {
      get: get("keys", "The public keys of access tokens", keySet),
    },
  };
}

function get(
  operationId: string,
  summary: string,
  schema: JsonSchema,
  refusals: JsonSchema = {},
): JsonSchema {
  return {
    operationId: `service.${operationId}`,
    tags: ["service"],
    summary,
    security: [],
    responses: {
      200: {
        description: "So it is.",
        content: { "application/json": { schema } },
      },
      ...refusals,
    },
  };
}
