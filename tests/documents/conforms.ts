// That what the server said is what the documents say: every answer and frame seen in a test goes through here.
import { Ajv2020 as Ajv, type ValidateFunction } from "ajv/dist/2020.js";
import asyncApi from "../../docs/asyncapi.json" with { type: "json" };
import openApi from "../../docs/openapi.json" with { type: "json" };

/**
 * Throws unless the documents have this answer. A field they do not name is a leak and fails, too.
 *
 * @param path as requested, with or without a query
 * @param body parsed JSON; undefined where there is none
 */
export function conformsToRest(
  method: string,
  path: string,
  status: number,
  body: unknown,
): void {
  const pathname = path.split("?")[0]!;
  const what = `${method} ${pathname} ${status}`;
  // Nothing is documented about addresses and methods that are not there.
  const schema = status === 404 || status === 405
    ? problem
    : schemaOfAnswer(method.toLowerCase(), pathname, status, what);
  if (schema === null) {
    if (body !== undefined) throw new Error(`${what}: has a body`);
    return;
  }
  requireValid(openApi, schema, body, what);
}

/**
 * Throws unless the documents have this frame, or each frame of an array.
 *
 * @param command what a reply answers, where it is known: then its data are checked as well
 */
export function conformsToFrame(frame: unknown, command?: string): void {
  if (Array.isArray(frame)) {
    for (const one of frame) conformsToFrame(one, command);
    return;
  }
  const { type, ok } = frame as { type?: unknown; ok?: unknown };
  if (type !== "reply") return requireMessage(`event.${type}`, frame);
  if (ok !== true) return requireMessage("reply.error", frame);
  if (command !== undefined) requireMessage(`reply.${command}`, frame);
}

interface Schema {
  readonly [keyword: string]: unknown;
}

const problem: Schema = { $ref: "#/components/schemas/Problem" };
const ajv = new Ajv({ strict: false, validateFormats: false });
const compiled = new Map<string, ValidateFunction>();

function requireMessage(name: string, frame: unknown): void {
  const messages: Record<string, { payload: Schema }> =
    asyncApi.components.messages;
  const message = messages[name];
  if (message === undefined) {
    throw new Error(`asyncapi.json has no ${name}: ${JSON.stringify(frame)}`);
  }
  requireValid(asyncApi, message.payload, frame, name);
}

/** The schema of an answer's body, or null where it has none. */
function schemaOfAnswer(
  method: string,
  pathname: string,
  status: number,
  what: string,
): Schema | null {
  const paths: Record<string, Record<string, { responses: Schema }>> =
    openApi.paths;
  const template =
    Object.keys(paths).filter((path) =>
      new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(pathname)
      // What is written out goes before what has a parameter in its place.
    ).sort((a, b) => a.split("{").length - b.split("{").length)[0];
  const responses = paths[template ?? ""]?.[method === "head" ? "get" : method]
    ?.responses;
  const response = responses?.[status] as Schema | undefined;
  if (response === undefined) throw new Error(`${what}: not in openapi.json`);
  if ("$ref" in response) return problem;
  const content = response["content"] as
    | { "application/json": { schema: Schema } }
    | undefined;
  return content?.["application/json"].schema ?? null;
}

function requireValid(
  document: { readonly components: { readonly schemas: object } },
  schema: Schema,
  value: unknown,
  what: string,
): void {
  const name = `${document === openApi} ${JSON.stringify(schema)}`;
  let validate = compiled.get(name);
  if (validate === undefined) {
    const { schemas } = document.components;
    validate = ajv.compile(closed({ ...schema, components: { schemas } }));
    compiled.set(name, validate);
  }
  if (validate(value)) return;
  throw new Error(
    `${what}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`,
  );
}

/** Allows no field that is not named: clients must, but the server must not send one. */
function closed(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema), (_name, part) => {
    const isObject = part !== null && typeof part === "object" &&
      part.type === "object" && typeof part.properties === "object" &&
      !("additionalProperties" in part);
    return isObject ? { ...part, additionalProperties: false } : part;
  });
}
