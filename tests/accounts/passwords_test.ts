// Hashing passwords: what matches, what it costs, how much of it runs at once.
import assert from "node:assert/strict";
import {
  availableAlgorithms,
  type Derive,
  SCRYPT,
} from "../../kv/accounts/password_algorithms.ts";
import { Passwords } from "../../kv/accounts/passwords.ts";
import { COST, refuses } from "./world.ts";

for (const algorithm of availableAlgorithms()) {
  Deno.test(`matches() knows the password by ${algorithm.name} and no other`, async () => {
    const algorithms = [algorithm] as const;
    const passwords = new Passwords({ cores: 2, cost: COST, algorithms });
    const record = await passwords.hash("correct horse");
    assert.equal(await passwords.matches("correct horse", record), true);
    assert.equal(await passwords.matches("correct horsf", record), false);
    assert.equal(await passwords.matches("correct horse", null), false);
    assert.equal(record.algorithm, algorithm.name);
    assert.doesNotMatch(JSON.stringify(record), /correct/);
  });

  Deno.test(`a hash by ${algorithm.name} at its usual cost is made and known`, async () => {
    const passwords = new Passwords({ cores: 2, algorithms: [algorithm] });
    const record = await passwords.hash("correct horse");
    assert.equal(await passwords.matches("correct horse", record), true);
    assert.equal(passwords.isOutdated(record), false);
  });
}

Deno.test("Argon2id is the choice where Deno has it, which is from 2.9 on", () => {
  const [, minor] = Deno.version.deno.split(".");
  const names = availableAlgorithms().map(({ name }) => name);
  assert.deepEqual(
    names,
    Number(minor) >= 9 ? ["argon2id", "scrypt"] : ["scrypt"],
  );
});

Deno.test("a hash by scrypt is known to a Deno that has Argon2id and outdated there; the other way round it is refused", async () => {
  // Stands for Argon2id where that is missing, too.
  const newer = { ...SCRYPT, name: "argon2id" } as const;
  const old = new Passwords({ cores: 2, cost: COST, algorithms: [SCRYPT] });
  const now = new Passwords({
    cores: 2,
    cost: COST,
    algorithms: [newer, SCRYPT],
  });
  const record = await old.hash("correct horse");
  assert.equal(await now.matches("correct horse", record), true);
  assert.equal(await now.matches("correct horsf", record), false);
  assert.equal(now.isOutdated(record), true);
  assert.equal(old.isOutdated(record), false);
  await assert.rejects(
    old.matches("correct horse", await now.hash("correct horse")),
    refuses(
      "unavailable",
      "This server's Deno is too old to check this password; it takes 2.9 or later.",
    ),
  );
});

Deno.test("hash() gives the same password another salt and hash each time", async () => {
  const passwords = new Passwords({ cores: 2, cost: COST });
  const [one, two] = [
    await passwords.hash("same"),
    await passwords.hash("same"),
  ];
  assert.notEqual(one.salt, two.salt);
  assert.notEqual(one.hash, two.hash);
});

Deno.test("matches() takes composed and decomposed characters for the same", async () => {
  const passwords = new Passwords({ cores: 2, cost: COST });
  const record = await passwords.hash("caf\u00e9 au lait");
  assert.equal(await passwords.matches("cafe\u0301 au lait", record), true);
});

Deno.test("matches() uses the parameters stored with the hash", async () => {
  const old = new Passwords({ cores: 2, cost: COST });
  const now = new Passwords({ cores: 2, cost: { ...COST, passes: 2 } });
  const record = await old.hash("correct horse");
  assert.equal(await now.matches("correct horse", record), true);
  assert.equal(now.isOutdated(record), true);
  assert.equal(old.isOutdated(record), false);
});

Deno.test("Passwords hashes at most cores - 1 at a time, lets a few wait in order, refuses the rest", async () => {
  const begun: string[] = [];
  const endings: (() => void)[] = [];
  const derive: Derive = (password) => {
    begun.push(password);
    return new Promise((resolve) =>
      endings.push(() => resolve(new Uint8Array(32)))
    );
  };
  const passwords = new Passwords({ cores: 3, cost: COST, queue: 2, derive });
  const done = ["a", "b", "c", "d"].map((password) => passwords.hash(password));
  await assert.rejects(
    passwords.hash("e"),
    (error) =>
      refuses("unavailable")(error) &&
      error instanceof Error && "retryAfterMs" in error,
  );
  assert.deepEqual(begun, ["a", "b"]);

  endings.shift()!();
  await done[0];
  assert.deepEqual(begun, ["a", "b", "c"]);
  while (endings.length > 0) {
    endings.shift()!();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await Promise.all(done);
  assert.deepEqual(begun, ["a", "b", "c", "d"]);
});

Deno.test("Passwords goes on after a hash that failed", async () => {
  let calls = 0;
  const derive: Derive = () =>
    ++calls === 1
      ? Promise.reject(new Error("no memory"))
      : Promise.resolve(new Uint8Array(32));
  const passwords = new Passwords({ cores: 1, cost: COST, derive });
  await assert.rejects(passwords.hash("a"), /no memory/);
  await passwords.hash("b");
  assert.equal(calls, 2);
});
