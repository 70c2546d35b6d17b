// From path, query and body to an operation's input: the one place where requests are validated.
import { type Hook, zValidator } from "@hono/zod-validator";
import type { MiddlewareHandler } from "hono";
import * as z from "zod";
import { refuseInput } from "../kv/input.ts";
import type { Operation } from "../kv/operation.ts";
import { boundedBody } from "./body.ts";
import type { Env } from "./context.ts";

type Source = "json" | "query";
type Take = Hook<unknown, Env, string, Source>;

const take: Take = (result, c) => {
  if (!result.success) throw refuseInput(result.error);
  c.set("input", result.data);
};

/**
 * Middleware that leaves the valid input in `c.var.input`, taken from the body or from the query;
 * the path's parameters win over fields of the same name. Throws `invalid`, and what `boundedBody` throws.
 */
export function readInput(
  operation: Operation,
  from: Source,
): MiddlewareHandler<Env>[] {
  const typed = from === "query" ? queryTypes(operation.input) : null;
  const validate: MiddlewareHandler<Env> = (c, next) =>
    zValidator<z.ZodType, Source, Env, string, Take>(
      from,
      operation.input,
      take,
      {
        validationFunction: (schema, sent) =>
          schema.safeParseAsync(
            withPath(typed ? typed(sent) : sent, c.req.param()),
          ),
      },
    )(c, next);
  return from === "json" ? [boundedBody, validate] : [validate];
}

function withPath(sent: unknown, path: Record<string, string>): unknown {
  const isObject = typeof sent === "object" && sent !== null &&
    !Array.isArray(sent);
  // What is no object stays what it is, for the schema to refuse.
  return isObject ? { ...sent, ...path } : sent;
}

/**
 * A query is all text: fields that the schema wants as number, boolean or list are turned into one
 * where they look like it, so that the schema itself can stay strict for JSON.
 */
function queryTypes(input: z.ZodType) {
  const { properties = {} } = z.toJSONSchema(input, { io: "input" });
  const turn = (name: string, value: unknown): unknown => {
    const property = Object.hasOwn(properties, name) ? properties[name] : null;
    if (typeof value !== "string" || typeof property !== "object") return value;
    switch (property?.type) {
      case "integer":
      case "number":
        return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
      case "boolean":
        return value === "true" ? true : value === "false" ? false : value;
      case "array":
        return value.split(",");
      default:
        return value;
    }
  };
  return (query: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      Object.entries(query).map(([name, value]) => [name, turn(name, value)]),
    );
}
