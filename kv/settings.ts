// Every setting from the environment: one schema with defaults, read once at start.
import * as z from "zod";
import { parseSecret } from "./secret.ts";
import {
  isAddressBlock,
  isPlainUrl,
  isSafeUrl,
  isStorePlace,
  isUrl,
  toOrigin,
  whole,
} from "./setting_forms.ts";

/** How the server was started: by `deno task dev` or by `deno task start`. */
export type Mode = "development" | "production";

/** The environment as settings see it; an empty variable counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the server is told; read by {@link readSettings}. */
export interface Settings {
  /** How it was started. */
  readonly mode: Mode;
  /** 0 takes any free port. */
  readonly port: number;
  /** Address or name to listen on. */
  readonly host: string;
  /** A path under `data/`, `:memory:`, or a denokv URL. */
  readonly kv: string;
  /** How many isolates of the process serve. */
  readonly isolates: number;
  /** At least 32 random bytes; null only in development, where one is made and kept. */
  readonly secret: Uint8Array<ArrayBuffer> | null;
  /** Origin people use, e.g. `https://chat.example.com`; null means wherever the server listens. */
  readonly publicUrl: string | null;
  /** Further origins from which browsers may call. */
  readonly origins: readonly string[];
  /** How long an access token is good for. */
  readonly accessTokenSeconds: number;
  /** How long a session lasts without being refreshed. */
  readonly refreshTokenSeconds: number;
  /** Who may register. */
  readonly signup: Signup;
  /** Addresses and CIDR blocks of proxies whose `X-Forwarded-For` is believed. */
  readonly trustProxy: readonly string[];
  /** Whose tokens are accepted besides our own; null is nobody's. */
  readonly identityProvider: IdentityProviderSettings | null;
  /** Multiplies every rate limit; 0 is no limit. */
  readonly rateScale: number;
  /** Events below it are not logged. */
  readonly logLevel: LogLevel;
}

/** The owner's identity provider, as its tokens name it. */
export interface IdentityProviderSettings {
  /** What its tokens have as `iss`, to the letter. */
  readonly issuer: string;
  /** What its tokens for this server have as `aud`. */
  readonly audience: string;
  /** Where it publishes its keys. */
  readonly jwksUrl: string;
}

/** Who may register: everybody, who has an invite, nobody. Those of the identity provider always come in. */
export type Signup = "open" | "invite" | "closed";

/** From which level on events are logged. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Wrong settings: one line for each, saying what to set and never what was set. */
export class SettingsError extends Error {
  /** The same lines that make up the message. */
  readonly lines: readonly string[];

  /** Joins the lines to the message. */
  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.name = "SettingsError";
    this.lines = lines;
  }
}

const MAKE_SECRET = "set it to what `openssl rand -base64 32` prints";
const YEAR_SECONDS = 365 * 24 * 60 * 60;
const PROVIDER = ["ISSUER", "AUDIENCE", "JWKS_URL"] as const;

/**
 * The environment's schema. `description` is the README's text; `shown` stands for the default where
 * that is not one value.
 */
const environment = z.object({
  PORT: whole(0, 65_535).prefault("8000").meta({
    description: "Port to listen on; 0 takes any free one.",
  }),
  HOST: z.string().regex(/^[0-9A-Za-z.:_-]+$/, "must be an address or a name")
    .optional().meta({
      description: "Address to listen on.",
      shown: "`127.0.0.1`; by `deno task start` `0.0.0.0`",
    }),
  KV: z.string().refine(isStorePlace, {
    error:
      "must be a path under data/, :memory:, or the http(s) URL of a denokv server",
  }).prefault("data/kvorum.db").meta({
    description:
      "Database: a path under `data/`, `:memory:` (gone when the server ends), or the URL of a denokv server.",
  }),
  DENO_KV_ACCESS_TOKEN: z.string().optional().meta({
    description: "The denokv server's access token, needed when `KV` is a URL.",
    shown: "",
  }),
  ISOLATES: whole(1, 64).prefault("1").meta({
    description:
      "How many isolates of the process serve, each with sockets of its own; see [several isolates](docs/isolates.md).",
  }),
  SECRET: z.string().transform((text, context) => {
    const { secret, fault } = parseSecret(text);
    if (secret !== undefined) return secret;
    context.addIssue(`${fault}: ${MAKE_SECRET}`);
    return z.NEVER;
  }).optional().meta({
    description:
      "At least 32 random bytes in base64, from which every key is derived. Make it by `openssl rand -base64 32` and keep it.",
    shown: "made and kept in `data/secret`; required by `deno task start`",
  }),
  PUBLIC_URL: z.string().transform(toOrigin).optional().meta({
    description: "The address people use, like `https://chat.example.com`.",
    shown: "where the server listens",
  }),
  ORIGINS: z.string().transform((text) => text.split(",")).pipe(
    z.array(z.string().transform(toOrigin)),
  ).optional().meta({
    description:
      "Further origins from which browsers may call and open sockets, separated by commas; the log names one that was refused.",
    shown: "none",
  }),
  ACCESS_TOKEN_SECONDS: whole(1, 24 * 60 * 60).prefault("900").meta({
    description: "How long an access token is good for.",
  }),
  REFRESH_TOKEN_SECONDS: whole(1, YEAR_SECONDS).prefault("2592000").meta({
    description: "How long a session lasts without being refreshed.",
  }),
  SIGNUP: z.enum(
    ["open", "invite", "closed"],
    "must be open, invite or closed",
  ).prefault("open").meta({
    description:
      "Who may register: everybody (`open`), who has an invite to a room (`invite`), nobody (`closed`).",
  }),
  TRUST_PROXY: z.string().transform((text) => text.split(",")).pipe(
    z.array(
      z.string().trim().refine(
        isAddressBlock,
        "must be IP addresses or CIDR blocks, such as 127.0.0.1 or 10.0.0.0/8, separated by commas",
      ),
    ),
  ).optional().meta({
    description:
      "Addresses whose `X-Forwarded-For` is believed, separated by commas: your proxies, as `10.0.0.5` or `10.0.0.0/8`.",
    shown: "none",
  }),
  ISSUER: z.string().refine(isPlainUrl, "must be an http(s) URL").optional()
    .meta({
      description:
        "Your own identity provider, as its tokens name it in `iss`: see [identity](docs/identity.md).",
      shown: "none; `AUDIENCE` and `JWKS_URL` go with it",
    }),
  AUDIENCE: z.string().max(255).optional().meta({
    description: "What that provider's tokens for Kvorum have as `aud`.",
    shown: "",
  }),
  JWKS_URL: z.string().refine(
    isSafeUrl,
    "must be an https URL, or an http URL of this machine or of a container beside it",
  ).optional().meta({
    description: "Where that provider publishes its keys.",
    shown: "",
  }),
  RATE_SCALE: z.string().regex(
    /^\d{1,6}(\.\d{1,6})?$/,
    "must be a number from 0, such as 1 or 0.5",
  ).transform(Number).prefault("1").meta({
    description:
      "Multiplies every rate limit; 0 switches them off, for load tests.",
  }),
  LOG_LEVEL: z.enum(
    ["debug", "info", "warn", "error"],
    "must be debug, info, warn or error",
  ).prefault("info").meta({ description: "What is logged from." }),
});

/** One setting as the README shows it, in Markdown. */
export interface SettingRow {
  /** The variable's name. */
  readonly name: string;
  /** Its default, empty where there is none. */
  readonly fallback: string;
  /** What it is for. */
  readonly meaning: string;
}

/** All settings that {@link readSettings} looks at. */
export function listSettings(): SettingRow[] {
  return Object.entries(environment.shape).map(([name, schema]) => {
    const { shown, description } = schema.meta() ?? {};
    const fallback = schema instanceof z.ZodPrefault
      ? `\`${schema.def.defaultValue}\``
      : String(shown);
    return { name, fallback, meaning: String(description) };
  });
}

/** Throws {@link SettingsError} with a line for each wrong value. */
export function readSettings(env: Environment, mode: Mode): Settings {
  const given = Object.fromEntries(
    Object.keys(environment.shape)
      .map((name) => [name, env[name]?.trim() || undefined]),
  );
  const parsed = environment.safeParse(given);
  const lines = (parsed.error?.issues ?? []).map((issue) =>
    `${String(issue.path[0])} ${issue.message}.`
  );
  if (mode === "production" && given.SECRET === undefined) {
    lines.push(`SECRET is not set: ${MAKE_SECRET}, and keep it.`);
  }
  if (isUrl(given.KV ?? "") && given.DENO_KV_ACCESS_TOKEN === undefined) {
    lines.push(
      "DENO_KV_ACCESS_TOKEN is not set: KV is a URL, so set it to that server's access token.",
    );
  }
  if (given.KV === ":memory:" && (parsed.data?.ISOLATES ?? 1) > 1) {
    lines.push(
      "KV is :memory:, which isolates can't share: set ISOLATES to 1, or KV to a path.",
    );
  }
  const missing = PROVIDER.filter((name) => given[name] === undefined);
  if (missing.length < PROVIDER.length) {
    lines.push(
      ...missing.map((name) =>
        `${name} is not set: ISSUER, AUDIENCE and JWKS_URL go together.`
      ),
    );
  }
  if (!parsed.success || lines.length > 0) {
    throw new SettingsError([...new Set(lines)]);
  }

  const values = parsed.data;
  const { ISSUER: issuer, AUDIENCE: audience, JWKS_URL: jwksUrl } = values;
  return {
    mode,
    port: values.PORT,
    host: values.HOST ?? (mode === "development" ? "127.0.0.1" : "0.0.0.0"),
    kv: values.KV,
    isolates: values.ISOLATES,
    secret: values.SECRET ?? null,
    publicUrl: values.PUBLIC_URL ?? null,
    origins: values.ORIGINS ?? [],
    accessTokenSeconds: values.ACCESS_TOKEN_SECONDS,
    refreshTokenSeconds: values.REFRESH_TOKEN_SECONDS,
    identityProvider: issuer && audience && jwksUrl
      ? { issuer, audience, jwksUrl }
      : null,
    signup: values.SIGNUP,
    trustProxy: values.TRUST_PROXY ?? [],
    rateScale: values.RATE_SCALE,
    logLevel: values.LOG_LEVEL,
  };
}

/** Where the database is, for tasks that need no other setting. Throws {@link SettingsError}. */
export function readDatabase(env: Environment): string {
  const { data, error } = environment.shape.KV.safeParse(
    env.KV?.trim() || undefined,
  );
  if (data !== undefined) return data;
  throw new SettingsError([`KV ${error.issues[0]!.message}.`]);
}
