// The pages for people, made from the documents: what can be asked, what is answered, what is told.
import { html } from "hono/html";
import { closeTable, errorTable } from "./code_tables.ts";
import { callEntry, callsOf, commandEntry, eventEntry } from "./entries.ts";
import { fieldsOf, type Markup } from "./fields.ts";
import { firstSteps } from "./first_steps.ts";
import { at, isRecord, type JsonSchema } from "./schemas.ts";

/** Both documents as one page without scripts. */
export function documentsPage(
  openApi: JsonSchema,
  asyncApi: JsonSchema,
): Markup {
  const calls = callsOf(openApi);
  const messages = Object.keys(at(asyncApi, "components", "messages"));
  const commands = messages.filter((key) => key.startsWith("command."));
  const events = messages.filter((key) => key.startsWith("event."));
  const shapes = {
    ...at(openApi, "components", "schemas"),
    ...at(asyncApi, "components", "schemas"),
  };
  const tags = Map.groupBy(calls, ({ tag }) => tag);
  const body = html`
    <nav aria-label="Contents">
      <p class="title"><a href="/">Kvorum</a></p>
      <h2><a href="#rest">REST</a></h2>
      ${[...tags].map(([tag, list]) =>
        contents(tag, list.map(({ name }) => [`rest-${name}`, name]))
      )}
      <h2><a href="#socket">Socket</a></h2>
      ${contents("commands", commands.map((key) => [key, afterDot(key)]))}
      ${contents("events", events.map((key) => [key, afterDot(key)]))}
      <h2>Tables</h2>
      ${contents("", [["shapes", "Shapes"], ["errors", "Errors"], [
        "closing",
        "Close codes",
      ]])}
    </nav>
    <main>
      <h1>The API</h1>
      ${INTRODUCTION}
      <h2 id="rest">REST</h2>
      ${ABOUT_REST}
      ${calls.map(callEntry)}
      <h2 id="socket">Socket</h2>
      ${ABOUT_SOCKET}
      ${commands.map((key) => commandEntry(asyncApi, key))}
      ${events.map((key) => eventEntry(asyncApi, key))}
      <h2 id="shapes">Shapes</h2>
      ${Object.entries(shapes).map(shapeEntry)}
      <h2 id="errors">Errors</h2>
      ${errorTable()}
      <h2 id="closing">Close codes</h2>
      ${closeTable()}
    </main>
  `;
  return layout("Kvorum: the API", body);
}

const INTRODUCTION = html`
  <p>
    JSON over REST and over one WebSocket: the same operations, the same errors,
    the same shapes by both. For tools:
    <a href="/openapi.json">OpenAPI 3.1</a>,
    <a href="/asyncapi.json">AsyncAPI 3.0</a>.
  </p>
`;

const ABOUT_REST = html`
  <p>
    Send <code>Authorization: Bearer ‹accessToken›</code>, and bodies as
    <code>application/json</code>. A service key goes in the token's place,
    where its scope is named; with <code>Kvorum-User: ‹user id›</code> and the
    scope <code>act</code> it acts for that user. Unknown fields are ignored. Refusals are problem documents with one of
    the <a href="#errors">codes</a>.
  </p>
`;

const FRAMES = {
  command: '{"type": "ping", "id": "1", "data": {}}',
  reply: '{"type": "reply", "id": "1", "ok": true, "data": {…}}',
  event: '{"type": "message.created", "room": "…", "seq": 5, "data": {…}}',
};

const ABOUT_SOCKET = html`
  <p>
    Connect to <code>/api/v1/ws</code> and send commands, first of all
    <a href="#command.hello">hello</a>. <code>${FRAMES.command}</code> gets the
    reply <code>${FRAMES.reply}</code>.
  </p>
  <p>
    An event is <code>${FRAMES.event}</code>. Durable ones count
    <code>seq</code>; those that only concern the moment have none; those to the
    user name no <code>room</code> either. On durable events other than
    <code>message.created</code> an <code>n</code> beside <code>seq</code> says
    how many messages the room had by then. Unknown fields are ignored.
  </p>
`;

/** What somebody sees who opens the server, reached at `url`, in a browser. */
export function welcomePage(url: string): Markup {
  const { shell, frames } = firstSteps(url);
  const body = html`
    <main class="welcome">
      <h1>Kvorum</h1>
      <p>This is a chat server, and it is running.</p>
      <h2>Begin</h2>
      <p>Paste this into a terminal, to register and open a socket:</p>
      <pre>${shell}</pre>
      <p>Then, line by line, to say hello and make a room:</p>
      <pre>${frames.join("\n")}</pre>
      <p>And from there on: <a href="/docs">the API, call by call</a>.</p>
    </main>
  `;
  return layout("Kvorum", body);
}

function layout(title: string, body: Markup): Markup {
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${title}</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="/docs.css">
      </head>
      <body>
        ${body}
      </body>
    </html>
  `;
}

function contents(
  title: string,
  links: readonly (readonly [id: string, label: string])[],
): Markup {
  const items = links.map(([id, label]) =>
    html`<li><a href="#${id}">${label}</a></li>`
  );
  return html`${title === "" ? "" : html`<h3>${title}</h3>`}<ul>${items}</ul>`;
}

function shapeEntry([name, schema]: [string, unknown]): Markup {
  return html`
    <section class="entry" id="shape-${name}">
      <h3>${name}</h3>
      ${isRecord(schema) ? fieldsOf(schema) : ""}
    </section>
  `;
}

function afterDot(key: string): string {
  return key.slice(key.indexOf(".") + 1);
}
