// Schemas for people: a table of fields, with types in words and links to named shapes.
import { html } from "hono/html";
import { isRecord, type JsonSchema } from "./schemas.ts";

/** What `html` makes: text with everything from outside escaped. */
export type Markup = ReturnType<typeof html>;

/** A line of prose in which `backticks` mark code. */
export function proseOf(line: unknown): Markup {
  const parts = String(line ?? "").split("`");
  return html`${
    parts.map((part, i) => i % 2 === 0 ? part : html`<code>${part}</code>`)
  }`;
}

/** The fields of an object, as a table; anything else, as its type. */
export function fieldsOf(schema: JsonSchema): Markup {
  const properties = schema["properties"];
  if (!isRecord(properties)) return html`<p>${typeOf(schema)}</p>`;
  const required = listOf(schema["required"]);
  const rows = Object.entries(properties).filter(isField);
  if (rows.length === 0) return html`<p class="muted">Nothing.</p>`;
  return html`
    <table>
      <thead>
        <tr>
          <th>Field</th>
          <th>Type</th>
        </tr>
      </thead>
      <tbody>${rows.map(([name, field]) =>
        row(name, field, required.includes(name))
      )}</tbody>
    </table>
  `;
}

/** A type in words: `integer, 1 to 100`, `list of Message`. */
export function typeOf(schema: JsonSchema): Markup {
  const pointer = schema["$ref"];
  if (typeof pointer === "string") {
    const name = pointer.split("/").at(-1)!;
    return html`<a href="#shape-${name}">${name}</a>`;
  }
  if ("const" in schema) {
    return html`<code>${JSON.stringify(schema["const"])}</code>`;
  }
  const choices = schema["enum"];
  if (Array.isArray(choices)) {
    return html`${
      join(choices.map((choice) => html`<code>${String(choice)}</code>`))
    }`;
  }
  const either = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(either)) return html`${join(either.map(typeOf))}`;
  if (isRecord(schema["properties"])) return inlineObject(schema["properties"]);
  if (isRecord(schema["items"])) {
    return html`list of ${typeOf(schema["items"])}${boundsOf(schema)}`;
  }
  if (isRecord(schema["additionalProperties"])) {
    return html`map to ${typeOf(schema["additionalProperties"])}`;
  }
  const type = [schema["type"]].flat().join(" or ");
  return html`${type}${boundsOf(schema)}`;
}

function row(name: string, schema: JsonSchema, required: boolean): Markup {
  const mark = required ? "" : html`<span class="muted">optional</span>`;
  const description = proseOf(schema["description"]);
  return html`
    <tr>
      <td><code>${name}</code> ${mark}</td>
      <td>${typeOf(schema)} <span class="muted">${description}</span></td>
    </tr>
  `;
}

function inlineObject(properties: JsonSchema): Markup {
  const fields = Object.entries(properties).filter(isField).map((
    [name, schema],
  ) => html`<code>${name}</code> ${typeOf(schema)}`);
  return html`{ ${join(fields, ", ")} }`;
}

/** `, 1 to 80 characters, email`, as far as the schema says. */
function boundsOf(schema: JsonSchema): Markup {
  const { minLength, maxLength, pattern, format } = schema;
  const isText = minLength !== undefined || maxLength !== undefined;
  const least = minLength ?? schema["minItems"] ?? schema["minimum"];
  const most = maxLength ?? schema["maxItems"] ?? schema["maximum"];
  const range = rangeOf(least, most);
  return html`${range}${isText ? " characters" : ""}${
    format === undefined ? "" : `, ${format}`
  }${pattern === undefined ? "" : html`, <code>${pattern}</code>`}`;
}

function rangeOf(least: unknown, most: unknown): string {
  if (least === undefined) return most === undefined ? "" : `, at most ${most}`;
  return most === undefined ? `, at least ${least}` : `, ${least} to ${most}`;
}

function join(parts: readonly Markup[], separator = " or "): Markup[] {
  return parts.flatMap((part, i) =>
    i === 0 ? [part] : [html`${separator}`, part]
  );
}

function isField(
  entry: [string, unknown],
): entry is [string, JsonSchema] {
  return isRecord(entry[1]);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
