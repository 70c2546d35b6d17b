// The ways to hash a password, best first, and which of them this Deno has.
import { scrypt as scryptKey } from "node:crypto";

/** What a hash costs: `memory` in KiB. */
export interface PasswordCost {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** Hashes `password` off the main thread. */
export type Derive = (
  password: string,
  salt: Uint8Array<ArrayBuffer>,
  cost: PasswordCost,
) => Promise<Uint8Array>;

export interface PasswordAlgorithm {
  readonly name: "argon2id" | "scrypt";
  /** What a new hash costs. */
  readonly cost: PasswordCost;
  readonly derive: Derive;
}

/** Best first. */
export type PasswordAlgorithms = readonly [
  PasswordAlgorithm,
  ...PasswordAlgorithm[],
];

const HASH_BYTES = 32;

/** At OWASP's first choice: 19 MiB twice, some 40 ms of one core. */
const ARGON2ID: PasswordAlgorithm = {
  name: "argon2id",
  cost: { memory: 19_456, passes: 2, parallelism: 1 },
  async derive(password, salt, { memory, passes, parallelism }) {
    const key = await crypto.subtle.importKey(
      "raw-secret",
      new TextEncoder().encode(password),
      "Argon2id",
      false,
      ["deriveBits"],
    );
    // A variable, because the runtime's types do not know these parameters yet.
    const algorithm = {
      name: "Argon2id",
      nonce: salt,
      memory,
      passes,
      parallelism,
    };
    return new Uint8Array(
      await crypto.subtle.deriveBits(algorithm, key, HASH_BYTES * 8),
    );
  },
};

/** At OWASP's choice with the least memory: 16 MiB five times, some 200 ms. Its blocks are 1 KiB, so N is `memory`. */
export const SCRYPT: PasswordAlgorithm = {
  name: "scrypt",
  cost: { memory: 16_384, passes: 1, parallelism: 5 },
  derive: (password, salt, { memory, parallelism }) =>
    new Promise((resolve, reject) => {
      const options = { N: memory, r: 8, p: parallelism };
      scryptKey(
        password,
        salt,
        HASH_BYTES,
        options,
        (error, hash) => error ? reject(error) : resolve(hash),
      );
    }),
};

/** Deno has Argon2id from 2.9 on; Deno Deploy may run an older one. */
export function availableAlgorithms(): PasswordAlgorithms {
  const { supports } = SubtleCrypto as {
    supports?: (operation: string, algorithm: string) => boolean;
  };
  return supports?.call(SubtleCrypto, "importKey", "Argon2id")
    ? [ARGON2ID, SCRYPT]
    : [SCRYPT];
}
