// What is written down, in which form, and that no secret is among it.
import assert from "node:assert/strict";
import {
  failure,
  type Field,
  type Journal,
  type JournalOptions,
  openJournal,
} from "../kv/journal.ts";

const NOON = Date.UTC(2026, 0, 2, 12);
const KEY = `kvk_${"i".repeat(20)}_${"s".repeat(43)}`;
const JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJl";

/** What `tell` has a journal write. */
function written(
  tell: (journal: Journal) => void,
  options: Partial<JournalOptions> = {},
): string[] {
  const lines: string[] = [];
  tell(openJournal({
    level: "info",
    form: "json",
    clock: {
      now: () => NOON,
      elapsed: () => 0,
      sleep: async () => {},
      turn: async () => {},
    },
    write: (line) => lines.push(line),
    ...options,
  }));
  return lines;
}

function tellAll(journal: Journal) {
  journal.debug("a");
  journal.info("b");
  journal.warn("c");
  journal.error("d");
}

Deno.test("openJournal() writes one line of JSON for an event", () => {
  assert.deepEqual(
    written((journal) =>
      journal.info("server.listening", { port: 8000, tls: false, host: "::" })
    ),
    [
      '{"at":"2026-01-02T12:00:00.000Z","level":"info","event":"server.listening","port":8000,"tls":false,"host":"::"}',
    ],
  );
});

Deno.test("openJournal() keeps a line one line, whatever a field holds", () => {
  const [line, ...more] = written((journal) =>
    journal.info("x", { agent: 'a"\nlevel: "error"\u0000' })
  );
  assert.deepEqual(more, []);
  assert.doesNotMatch(line!, /\n/);
  assert.equal(JSON.parse(line!).agent, 'a"\nlevel: "error"\u0000');
});

Deno.test("openJournal() lets no field pass for time, level or event", () => {
  const [line] = written((journal) =>
    journal.warn("x", { at: "never", level: "info", event: "y" })
  );
  assert.equal(
    line,
    '{"at":"2026-01-02T12:00:00.000Z","level":"warn","event":"x"}',
  );
});

Deno.test("openJournal() writes short lines for people", () => {
  assert.deepEqual(
    written((journal) => {
      journal.info("server.stopped", { signal: "SIGINT" });
      journal.warn("socket.slow");
    }, { form: "human" }),
    ["12:00:00 server.stopped signal=SIGINT", "12:00:00 warn socket.slow"],
  );
});

Deno.test("openJournal() leaves out what is below its level", () => {
  const counts = (["debug", "info", "warn", "error"] as const).map((level) =>
    written(tellAll, { level }).length
  );
  assert.deepEqual(counts, [4, 3, 2, 1]);
});

const HIDDEN_NAMES = [
  "token",
  "accessToken",
  "refresh_token",
  "tokens",
  "password",
  "newPassword",
  "SECRET",
  "text",
  "Authorization",
  "ticket",
  "set-cookie",
  "email",
  "idempotencyKey",
];

for (const form of ["json", "human"] as const) {
  Deno.test(`openJournal() hides what is secret by its name, as ${form}`, () => {
    for (const name of HIDDEN_NAMES) {
      // Built where the compiler does not look, as a careless caller would.
      const fields: Record<string, Field> = { [name]: "hunter2" };
      const [line] = written((journal) => journal.error("x", fields), { form });
      assert.doesNotMatch(line!, /hunter2/, name);
      assert.match(line!, /\[hidden\]/, name);
    }
  });
}

Deno.test("openJournal() shows names that only contain such a word", () => {
  const [line] = written((journal) =>
    journal.info("x", { context: "shown", monkey: "shown", texture: "shown" })
  );
  assert.equal(line!.match(/shown/g)?.length, 3);
});

Deno.test("openJournal() hides tokens inside other texts, even in long ones", () => {
  for (
    const said of [
      `bad token ${JWT}`,
      `bad key ${KEY}`,
      `kr_${"i".repeat(20)}.0.${"s".repeat(43)} and kt_${"s".repeat(43)}`,
      "Authorization: Bearer abc.def",
      "GET /api/v1/ws?ticket=abc.def&x=1",
      "GET /api/v1/invites/abc.def/accept",
      "DELETE /api/v1/rooms/r1/invites/abc%20def?x=1",
      'at "http://chat.example.com/api/v1/invites/abc"',
      `${"x".repeat(1980)} ${JWT}`,
    ]
  ) {
    const [line] = written((journal) => journal.warn("x", { said }));
    assert.doesNotMatch(line!, /eyJ|abc|sss/, said);
  }
});

Deno.test("openJournal() shows the type of an object instead of what is in it", () => {
  const careless = { user: { password: "hunter2" } } as unknown as {
    user: string;
  };
  const [line] = written((journal) => journal.info("x", careless));
  assert.equal(JSON.parse(line!).user, "[object]");
});

Deno.test("openJournal() cuts what is very long", () => {
  const [line] = written((journal) =>
    journal.info("x", { said: "x".repeat(1e6) })
  );
  assert.ok(line!.length < 3000);
});

Deno.test("failure() tells of whatever was thrown", () => {
  assert.match(failure(new TypeError("broken")).error, /^TypeError: broken\n/);
  assert.equal(failure("a text").error, "a text");
  assert.equal(failure(undefined).error, "undefined");
});
