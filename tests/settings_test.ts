// What the environment may say, what is refused and how, and that the README tells the same.
import assert from "node:assert/strict";
import { keepSecret, parseSecret } from "../kv/secret.ts";
import {
  type Environment,
  listSettings,
  readSettings,
  SettingsError,
} from "../kv/settings.ts";
import { withTables } from "../docs/generate.ts";

const STRONG = crypto.getRandomValues(new Uint8Array(32));

/** The lines of the refusal, none where the settings were taken. */
function linesOf(
  env: Environment,
  mode: "development" | "production" = "development",
): readonly string[] {
  try {
    readSettings(env, mode);
    return [];
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    assert.equal(error.message, error.lines.join("\n"));
    return error.lines;
  }
}

Deno.test("readSettings() needs nothing in development", () => {
  assert.deepEqual(readSettings({}, "development"), {
    mode: "development",
    port: 8000,
    host: "127.0.0.1",
    kv: "data/kvorum.db",
    isolates: 1,
    secret: null,
    publicUrl: null,
    origins: [],
    accessTokenSeconds: 900,
    refreshTokenSeconds: 30 * 24 * 60 * 60,
    signup: "open",
    trustProxy: [],
    identityProvider: null,
    rateScale: 1,
    logLevel: "info",
  });
});

Deno.test("readSettings() takes what is set", () => {
  const settings = readSettings({
    PORT: "80",
    HOST: "::1",
    KV: "https://kv.example.com/",
    DENO_KV_ACCESS_TOKEN: "a token of denokv",
    ISOLATES: "4",
    SECRET: STRONG.toBase64(),
    PUBLIC_URL: "https://chat.example.com/",
    ORIGINS: "https://a.example.com, http://localhost:3000",
    ACCESS_TOKEN_SECONDS: "60",
    REFRESH_TOKEN_SECONDS: "3600",
    SIGNUP: "invite",
    TRUST_PROXY: "127.0.0.1, 10.0.0.0/8,::1,fd00::/8",
    ISSUER: "https://id.example.com/",
    AUDIENCE: "chat",
    JWKS_URL: "https://id.example.com/jwks?v=2",
    RATE_SCALE: "0.5",
    LOG_LEVEL: "warn",
    UNHEARD_OF: "is ignored",
  }, "production");
  assert.deepEqual(settings, {
    mode: "production",
    port: 80,
    host: "::1",
    kv: "https://kv.example.com/",
    isolates: 4,
    secret: STRONG,
    publicUrl: "https://chat.example.com",
    origins: ["https://a.example.com", "http://localhost:3000"],
    accessTokenSeconds: 60,
    refreshTokenSeconds: 3600,
    signup: "invite",
    trustProxy: ["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"],
    identityProvider: {
      // To the letter: a token's issuer is compared, not visited.
      issuer: "https://id.example.com/",
      audience: "chat",
      jwksUrl: "https://id.example.com/jwks?v=2",
    },
    rateScale: 0.5,
    logLevel: "warn",
  });
});

Deno.test("readSettings() listens everywhere in production", () => {
  const env = { SECRET: STRONG.toBase64() };
  assert.equal(readSettings(env, "production").host, "0.0.0.0");
});

Deno.test("readSettings() takes an empty variable for an unset one", () => {
  const empty = Object.fromEntries(
    listSettings().map(({ name }) => [name, ""]),
  );
  assert.deepEqual(
    readSettings(empty, "development"),
    readSettings({}, "development"),
  );
});

Deno.test("readSettings() refuses a database in memory for several isolates", () => {
  const env = { KV: ":memory:", ISOLATES: "2" };
  assert.deepEqual(linesOf(env), [
    "KV is :memory:, which isolates can't share: set ISOLATES to 1, or KV to a path.",
  ]);
  assert.deepEqual(linesOf({ ...env, ISOLATES: "1" }), []);
});

const WRONG: Record<string, readonly string[]> = {
  ISOLATES: ["0", "65", "two"],
  PORT: ["http", "-1", "65536", "80.5", "8000 or so", "1e3"],
  HOST: ["two words", "http://localhost"],
  KV: [
    "kvorum.db",
    "/var/data/x.db",
    "data/../x.db",
    "data/",
    "redis://localhost",
  ],
  PUBLIC_URL: [
    "chat.example.com",
    "https://example.com/chat",
    "ftp://example.com",
    "https://user:pass@example.com",
  ],
  ORIGINS: ["*", "https://a.example.com,,", "a.example.com,b.example.com"],
  ACCESS_TOKEN_SECONDS: ["0", "forever", "86401"],
  REFRESH_TOKEN_SECONDS: ["0", "31536001"],
  SIGNUP: ["Open", "yes"],
  TRUST_PROXY: [
    "*",
    "proxy",
    "10.0.0.0/33",
    "fd00::/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "10.0.0",
    "010.0.0.1",
    "127.0.0.1,,::1",
    "127.0.0.1 ::1",
    "127.0.0.1:80",
    "[::1]",
    "fe80::1%eth0",
  ],
  RATE_SCALE: ["-1", "none", "Infinity"],
  LOG_LEVEL: ["INFO", "trace"],
};

for (const [name, values] of Object.entries(WRONG)) {
  Deno.test(`readSettings() names a wrong ${name} in one line`, () => {
    for (const value of values) {
      const lines = linesOf({ [name]: value });
      assert.equal(lines.length, 1, `${name}=${value}: ${lines}`);
      assert.match(lines[0]!, new RegExp(`^${name} must .+\\.$`));
    }
  });
}

const PROVIDER = {
  ISSUER: "https://id.example.com",
  AUDIENCE: "chat",
  JWKS_URL: "https://id.example.com/jwks",
};

Deno.test("readSettings() wants all of an identity provider or nothing, and names what is missing", () => {
  for (const missing of Object.keys(PROVIDER)) {
    assert.deepEqual(linesOf({ ...PROVIDER, [missing]: "" }), [
      `${missing} is not set: ISSUER, AUDIENCE and JWKS_URL go together.`,
    ]);
  }
  assert.equal(linesOf({ AUDIENCE: "chat" }).length, 2);
});

const WRONG_PROVIDER: Record<string, readonly string[]> = {
  ISSUER: [
    "kvorum",
    "id.example.com",
    "https://id.example.com/?a=b",
    "ftp://a",
  ],
  JWKS_URL: [
    "http://id.example.com/jwks",
    "http://192.0.2.1/jwks",
    "https://user:pass@id.example.com/jwks",
    "https://:pass@id.example.com/jwks",
    "id.example.com",
    "file:///etc/jwks",
  ],
};

for (const [name, values] of Object.entries(WRONG_PROVIDER)) {
  Deno.test(`readSettings() names a wrong ${name} of an identity provider in one line`, () => {
    for (const value of values) {
      const lines = linesOf({ ...PROVIDER, [name]: value });
      assert.equal(lines.length, 1, `${value}: ${lines}`);
      assert.match(lines[0]!, new RegExp(`^${name} must be an http.+\\.$`));
    }
  });
}

Deno.test("readSettings() takes an identity provider's keys by http from within", () => {
  for (
    const host of ["localhost:9000", "127.0.0.1", "[::1]", "keycloak:8080"]
  ) {
    assert.deepEqual(
      linesOf({ ...PROVIDER, JWKS_URL: `http://${host}/jwks` }),
      [],
    );
  }
});

Deno.test("readSettings() names everything that is wrong at once", () => {
  const lines = linesOf(
    { PORT: "x", LOG_LEVEL: "x", KV: "http://127.0.0.1:4512" },
    "production",
  );
  assert.deepEqual(lines.map((line) => line.split(" ")[0]), [
    "PORT",
    "LOG_LEVEL",
    "SECRET",
    "DENO_KV_ACCESS_TOKEN",
  ]);
});

const WEAK: Record<string, string> = {
  "not base64": "hunter2-".repeat(8),
  "31 bytes": STRONG.subarray(1).toBase64(),
  "the same byte": new Uint8Array(32).fill(7).toBase64(),
  "few different bytes": STRONG.map((byte) => byte & 7).toBase64(),
  "a short pattern": STRONG.map((_, i) => STRONG[i % 8]!).toBase64(),
  "ascending bytes": STRONG.map((_, i) => i + 100).toBase64(),
  "a sentence": btoa("The quick brown fox jumps over the lazy dog."),
  "a repeated word": "changeme".repeat(8),
};

for (const [what, secret] of Object.entries(WEAK)) {
  Deno.test(`readSettings() refuses a SECRET that is ${what}, without showing it`, () => {
    for (const mode of ["development", "production"] as const) {
      const lines = linesOf({ SECRET: secret }, mode);
      assert.equal(lines.length, 1);
      assert.match(
        lines[0]!,
        /^SECRET .+: set it to what `openssl rand -base64 32` prints\.$/,
      );
      assert.ok(!lines[0]!.includes(secret));
    }
  });
}

Deno.test("readSettings() says what to set where production has no SECRET", () => {
  assert.deepEqual(linesOf({}, "production"), [
    "SECRET is not set: set it to what `openssl rand -base64 32` prints, and keep it.",
  ]);
});

Deno.test("parseSecret() takes random bytes", () => {
  for (let i = 0; i < 1000; i++) {
    const bytes = crypto.getRandomValues(new Uint8Array(32 + i % 33));
    assert.deepEqual(parseSecret(bytes.toBase64()), { secret: bytes });
  }
});

Deno.test("keepSecret() gives all that start at once the same one, and keeps it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/data/secret`;
    const secrets = await Promise.all(
      Array.from({ length: 8 }, () => keepSecret(path)),
    );
    for (const secret of [...secrets, await keepSecret(path)]) {
      assert.deepEqual(secret, secrets[0]);
    }
    const left = [...Deno.readDirSync(`${folder}/data`)];
    assert.deepEqual(left.map(({ name }) => name), ["secret"]);
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("keepSecret() does not replace a file that was spoilt", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "half a sec");
    await assert.rejects(keepSecret(path), /delete it to have a new one made/);
    assert.equal(await Deno.readTextFile(path), "half a sec");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("the README's tables are those of the settings and the limits", async () => {
  const readme = await Deno.readTextFile(
    new URL("../README.md", import.meta.url),
  );
  assert.equal(readme, withTables(readme), "run `deno task docs`");
});
