// JSON Schemas out of zod schemas, with what has a name kept once under components.
import * as z from "zod";

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** The schemas of one document. */
export class SchemaPool {
  /** By the id each was given with `.meta({ id })`. */
  readonly components: Record<string, JsonSchema> = {};

  /** The schema of what is sent (`input`) or answered (`output`); names become references into `components`. */
  add(schema: z.ZodType, io: "input" | "output"): JsonSchema {
    // Within an object, so that a schema with a name of its own becomes a reference, too.
    const { properties, $defs = {} } = z.toJSONSchema(
      z.object({ it: schema }),
      {
        io,
        override: ({ jsonSchema }) => plain(jsonSchema),
      },
    );
    for (const [id, definition] of Object.entries($defs)) {
      this.#define(id, pointed(definition));
    }
    return pointed(properties!["it"]);
  }

  #define(id: string, schema: JsonSchema): void {
    const known = this.components[id];
    if (known && JSON.stringify(known) !== JSON.stringify(schema)) {
      throw new Error(`Two schemas have the id "${id}": give one another`);
    }
    this.components[id] = schema;
  }
}

export function reference(kind: string, name: string): JsonSchema {
  return { $ref: `#/components/${kind}/${name}` };
}

/** An object schema of which all fields are required but those in `optional`. */
export function objectOf(
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): JsonSchema {
  const required = Object.keys(properties).filter((name) =>
    !optional.includes(name)
  );
  return { type: "object", properties, required };
}

export function isRecord(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object at a path of keys, or an empty one. */
export function at(from: JsonSchema, ...path: readonly string[]): JsonSchema {
  let found: unknown = from;
  for (const key of path) found = isRecord(found) ? found[key] : undefined;
  return isRecord(found) ? found : {};
}

/** Leaves out what says nothing to a reader. */
function plain(schema: z.core.JSONSchema.BaseSchema): void {
  // Fields may be added within a version, so a client must not refuse them.
  if (schema.additionalProperties === false) delete schema.additionalProperties;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  // A format says what zod's pattern for it says at length.
  if (schema.format !== undefined) delete schema.pattern;
}

function pointed(schema: unknown): JsonSchema {
  return JSON.parse(
    JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'),
  );
}
