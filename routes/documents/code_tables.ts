// The tables of errors and close codes for people.
import { html } from "hono/html";
import { CLOSINGS } from "../../realtime/session/closing.ts";
import { CODES } from "./errors.ts";
import { type Markup, proseOf } from "./fields.ts";

export function errorTable(): Markup {
  return table(
    ["Code", "HTTP", "Meaning", "Again?"],
    CODES.map(({ code, status, title, retryable }) => ({
      id: code,
      cells: [String(status), title, retryable ? "later" : "no"],
    })),
  );
}

export function closeTable(): Markup {
  const rows = [...TRANSPORT_CLOSINGS, ...Object.values(CLOSINGS)];
  return table(
    ["Code", "Meaning", "Then"],
    rows.map(({ code, meaning }) => ({
      id: String(code),
      cells: [meaning, afterClosing(code)],
    })),
  );
}

/** What the transport closes by itself. */
const TRANSPORT_CLOSINGS = [
  { code: 1002, meaning: "a frame broke the protocol" },
  { code: 1007, meaning: "a text frame was not UTF-8" },
  { code: 1009, meaning: "a frame was too large" },
];

function afterClosing(code: number): string {
  if (code < 4000) return "mend the client";
  if (code < 4100) return "come back and resume";
  return code < 4400 ? "come back after mending" : "do not come back so";
}

function table(
  head: readonly string[],
  rows: readonly { readonly id: string; readonly cells: readonly string[] }[],
): Markup {
  const titles = head.map((title) => html`<th>${title}</th>`);
  const lines = rows.map(({ id, cells }) =>
    html`
      <tr id="${id}">
        <td><code>${id}</code></td>
        ${cells.map((cell) => html`<td>${proseOf(cell)}</td>`)}
      </tr>
    `
  );
  return html`
    <table>
      <thead>
        <tr>${titles}</tr>
      </thead>
      <tbody>${lines}</tbody>
    </table>
  `;
}
