// One entry of the page for each call, command and event.
import { html } from "hono/html";
import { fieldsOf, type Markup, proseOf, typeOf } from "./fields.ts";
import { at, isRecord, type JsonSchema } from "./schemas.ts";

/** One call of the REST part. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly name: string;
  readonly tag: string;
  readonly operation: JsonSchema;
}

/** All calls of an OpenAPI document, in its order. */
export function callsOf(openApi: JsonSchema): Call[] {
  const calls: Call[] = [];
  for (const [path, methods] of Object.entries(at(openApi, "paths"))) {
    if (!isRecord(methods)) continue;
    for (const method of Object.keys(methods)) {
      const operation = at(methods, method);
      calls.push({
        method: method.toUpperCase(),
        path,
        name: String(operation["operationId"]),
        tag: String([operation["tags"]].flat()[0]),
        operation,
      });
    }
  }
  return calls;
}

export function callEntry({ method, path, name, operation }: Call): Markup {
  const parameters = parametersOf(operation);
  const body = at(operation, "requestBody", "content", "application/json");
  const answers = Object.entries(at(operation, "responses")).map(answerItem);
  return html`
    <article class="entry" id="rest-${name}">
      <h3><span class="method">${method}</span> <code>${path}</code></h3>
      <p>${proseOf(operation["summary"])} <span class="muted">${name}${byKey(
        operation,
      )}</span></p>
      ${parameters === null ? "" : titled("Parameters", parameters)}
      ${isRecord(body["schema"]) ? titled("Body", body["schema"]) : ""}
      <h4>Answers</h4>
      <ul>${answers}</ul>
    </article>
  `;
}

/** @param key of the message in the AsyncAPI document, such as `command.ping` */
export function commandEntry(asyncApi: JsonSchema, key: string): Markup {
  const name = key.slice("command.".length);
  const messages = at(asyncApi, "components", "messages");
  const command = at(messages, key);
  return html`
    <article class="entry" id="${key}">
      <h3><span class="method">command</span> <code>${name}</code></h3>
      <p>${proseOf(command["summary"])}</p>
      ${titled("Data", dataOf(command))}
      ${titled("Reply", dataOf(at(messages, `reply.${name}`)))}
    </article>
  `;
}

/** @param key of the message in the AsyncAPI document, such as `event.bye` */
export function eventEntry(asyncApi: JsonSchema, key: string): Markup {
  const event = at(asyncApi, "components", "messages", key);
  const around = at(event, "payload", "properties");
  const kind = "seq" in around
    ? "durable: with room and seq"
    : "room" in around
    ? "ephemeral: with room"
    : "to the user";
  return html`
    <article class="entry" id="${key}">
      <h3><span class="method">event</span> <code>${event["name"]}</code></h3>
      <p>${proseOf(event["summary"])} <span class="muted">${kind}</span></p>
      ${titled("Data", dataOf(event))}
    </article>
  `;
}

function titled(title: string, schema: JsonSchema): Markup {
  return html`<h4>${title}</h4>${fieldsOf(schema)}`;
}

function dataOf(message: JsonSchema): JsonSchema {
  return at(message, "payload", "properties", "data");
}

/** What a service key needs for it. */
function byKey({ security }: JsonSchema): Markup | "" {
  const scopes = [security].flat().filter(isRecord)
    .map(({ serviceKey }) => serviceKey).filter((one) => one !== undefined);
  return scopes.length === 0
    ? ""
    : html`, service keys with <code>${String(scopes)}</code>`;
}

/** Parameters as if they were the fields of an object, or null where there are none. */
function parametersOf(operation: JsonSchema): JsonSchema | null {
  const named = [operation["parameters"]].flat().filter(isRecord)
    .filter((parameter) => "name" in parameter);
  const properties = named.map((parameter) => {
    const schema = at(parameter, "schema");
    const { description } = schema;
    const place = `In the ${parameter["in"]}`;
    const told = description ? `${place}. ${description}` : place;
    return [parameter["name"], { ...schema, description: told }];
  });
  const required = named.filter(({ required }) => required === true)
    .map(({ name }) => name);
  return named.length === 0
    ? null
    : { properties: Object.fromEntries(properties), required };
}

/** Refusals are the same everywhere and stand in their own table. */
function answerItem([status, response]: [string, unknown]): Markup | "" {
  if (!isRecord(response) || "$ref" in response) return "";
  const { schema } = at(response, "content", "application/json");
  const body = isRecord(schema) ? typeOf(schema) : "without a body";
  return html`<li><code>${status}</code> ${body}</li>`;
}
