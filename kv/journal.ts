// What the server says of itself: one line for each event, flat, and never with a secret in it.
import type { Clock } from "./clock.ts";
import type { LogLevel } from "./settings.ts";

/** What a field may hold. Objects are not logged: nobody knows what is inside them tomorrow. */
export type Field = string | number | boolean;

/** Names whose value is never shown, nor that of a longer name with one of them as a word, like `accessToken`. */
const HIDDEN = [
  "authorization",
  "cookie",
  "email",
  "invite",
  "key",
  "password",
  "secret",
  "text",
  "ticket",
  "token",
] as const;

/** Fields of one event; the hidden names do not even compile. */
export type Fields =
  & { readonly [name: string]: Field }
  & { readonly [name in typeof HIDDEN[number]]?: never };

/** Where every part of the server tells what happened: a name like `server.listening`, and fields. */
export interface Journal {
  /** For whoever debugs the server. */
  debug(event: string, fields?: Fields): void;
  /** What happened as planned. */
  info(event: string, fields?: Fields): void;
  /** What went wrong and was coped with. */
  warn(event: string, fields?: Fields): void;
  /** What should not have happened. */
  error(event: string, fields?: Fields): void;
}

/** How and where a journal writes. */
export interface JournalOptions {
  /** Events below it are left out. */
  readonly level: LogLevel;
  /** `json` for machines, `human` for a terminal. */
  readonly form: "json" | "human";
  readonly clock: Clock;
  /** Takes a line without its end; by default it goes to stdout. */
  readonly write?: (line: string) => void;
}

/** One event on its way to a line. */
interface Entry {
  readonly at: Date;
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: readonly (readonly [string, Field])[];
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const VALUE_LENGTH = 2000;

// Secrets inside other texts: a JWT, a token of ours by its beginning, a bearer header, a query that carries a ticket,
// a path with an invite's code.
const SECRETS =
  /\beyJ[\w-]+\.[\w-]+\.[\w-]*|\b(?:kvk|kr|kt)_[\w.-]{20,}|\bBearer +\S+|\b(?:ticket|token)=[^&\s"]+|(?<=\/invites\/)[^/?\s"]+/gi;

/** A journal that writes lines of JSON, or short ones for people. */
export function openJournal(options: JournalOptions): Journal {
  const { form, clock, write = console.log } = options;
  const least = LEVELS.indexOf(options.level);
  const line = form === "json" ? toJson : toHuman;

  const at = (level: LogLevel) => (event: string, fields: Fields = {}) => {
    if (LEVELS.indexOf(level) < least) return;
    const shown = Object.entries<unknown>(fields)
      .map(([name, value]) => [name, showable(name, value)] as const);
    write(line({ at: new Date(clock.now()), level, event, fields: shown }));
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}

/** Fields that tell of something thrown. */
export function failure(thrown: unknown): { readonly error: string } {
  return {
    error: thrown instanceof Error
      ? thrown.stack ?? String(thrown)
      : String(thrown),
  };
}

// Takes anything: what is logged in an emergency has not always kept to the types.
function showable(name: string, value: unknown): Field {
  if (isHidden(name)) return "[hidden]";
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value !== "string") return `[${typeof value}]`;
  return value.replace(SECRETS, "[hidden]").slice(0, VALUE_LENGTH);
}

function isHidden(name: string): boolean {
  const words = name.replace(/[A-Z]+/g, " $&").toLowerCase().split(/[^a-z]+/);
  return words.some((word) =>
    HIDDEN.some((hidden) => word === hidden || word === `${hidden}s`)
  );
}

function toJson({ at, level, event, fields }: Entry): string {
  const head = { at: at.toISOString(), level, event };
  // Twice, to come first and yet not to be overwritten by a field.
  return JSON.stringify({ ...head, ...Object.fromEntries(fields), ...head });
}

function toHuman({ at, level, event, fields }: Entry): string {
  const said = fields.map(([name, value]) => ` ${name}=${value}`).join("");
  const mark = level === "info" ? "" : `${level} `;
  return `${at.toISOString().slice(11, 19)} ${mark}${event}${said}`;
}
