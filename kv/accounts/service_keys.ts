// Service keys: `kvk_‹id›_‹secret›`, stored hashed, and believed for a moment as sessions are.
import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import { Refused } from "../errors.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import type { Principal } from "../principal.ts";
import type { Scope } from "../scopes.ts";
import type { Store } from "../store.ts";
import { Believed } from "./believed.ts";
import {
  isDeleted,
  isSuspended,
  type LiveProfile,
  readProfile,
  requireUnsuspended,
} from "./profiles.ts";
import { equalInConstantTime } from "./secrets.ts";

/** Times in milliseconds since 1970. A revoked key is no row at all. */
export interface ServiceKey {
  readonly v: 1;
  readonly id: string;
  /** The username of its account. */
  readonly name: string;
  /** Whom it acts as where no user is named. */
  readonly account: string;
  /** SHA-256 of the whole key: 256 random bits need no slower hash. */
  readonly hash: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  /** The admin who made it; absent where the task did. */
  readonly createdBy?: string;
  readonly expiresAt?: number;
  /** To within `SEEN_EVERY_MS`. */
  readonly usedAt?: number;
}

/** What of a user decides whether a key may act for them. */
type ActedFor = Pick<LiveProfile, "service" | "suspendedAt">;

/** How often use is written down at most. */
const SEEN_EVERY_MS = 3600 * 1000;

const PREFIX = "kvk_";
const FORM = /^kvk_([A-Za-z0-9_-]{20})_[A-Za-z0-9_-]{43}$/;

/** Whether a token is meant as a service key; nothing is proven by that. */
export function isServiceKey(token: string): boolean {
  return token.startsWith(PREFIX);
}

/** A new key and what is stored of it. */
export function newServiceKey(): { key: string; id: string; hash: string } {
  const id = randomId(20);
  const key = `${PREFIX}${id}_${randomId(43)}`;
  return { key, id, hash: digest(key) };
}

export class ServiceKeys {
  readonly #keys: Believed<ServiceKey>;
  /** Those who are acted for. */
  readonly #users: Believed<ActedFor>;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {
    this.#keys = new Believed(
      clock,
      (id) => this.#load(id),
      (key) => this.#isLive(key),
    );
    this.#users = new Believed(
      clock,
      async (id) => {
        const { value } = await readProfile(store, id);
        if (!value || isDeleted(value)) return null;
        const { service, suspendedAt } = value;
        return {
          ...(service === undefined ? {} : { service }),
          ...(suspendedAt === undefined ? {} : { suspendedAt }),
        };
      },
      // Read anew each time, so that who is restored is so at once.
      (user) => !isSuspended(user),
    );
  }

  /** The record of a key. Throws `unauthenticated` for what is none, or none any more. */
  async prove(token: string): Promise<ServiceKey> {
    const id = FORM.exec(token)?.[1];
    const known = id === undefined ? null : await this.#keys.read(id);
    if (!known || !isEqual(digest(token), known.hash)) {
      throw new Refused("unauthenticated", "This is not a valid service key.");
    }
    await this.#noteUse(known);
    return known;
  }

  /** Throws `not_found` for a user who does not exist or is deleted, `forbidden` for a suspended one and a service's account. */
  async requireActedFor(user: string): Promise<void> {
    const profile = await this.#users.read(user);
    if (!profile) {
      throw new Refused(
        "not_found",
        "There is no user with the id that Kvorum-User names.",
      );
    }
    if (profile.service) {
      throw new Refused("forbidden", "A service key acts for people only.");
    }
    requireUnsuspended(profile);
  }

  /** Throws `unauthenticated` unless the key is there and, where it acts for a user, the user as well, unsuspended. */
  async requireLive({ user, session, key }: Principal): Promise<void> {
    const lives = await this.#keys.read(session) !== null &&
      (user === key?.account || await this.#isUsable(user));
    if (!lives) {
      throw new Refused("unauthenticated", "The service key was revoked.");
    }
  }

  /** Whether `requireLive` would answer without reading. */
  isFresh({ user, session, key }: Principal): boolean {
    return this.#keys.recall(session) !== null &&
      (user === key?.account || this.#users.recall(user) !== null);
  }

  /** To be called when a key is known to be revoked. */
  forget(id: string): void {
    this.#keys.forget(id);
  }

  /** To be called when a user is known to be deleted or suspended. */
  forgetUser(user: string): void {
    this.#users.forget(user);
  }

  async #load(id: string): Promise<ServiceKey | null> {
    const { value } = await this.store.get<ServiceKey>(keys.serviceKey(id));
    return value && this.#isLive(value) ? value : null;
  }

  async #isUsable(user: string): Promise<boolean> {
    const profile = await this.#users.read(user);
    return profile !== null && !isSuspended(profile);
  }

  #isLive({ expiresAt = Infinity }: ServiceKey): boolean {
    return expiresAt > this.clock.now();
  }

  /** Written under a check, so that a revoked key stays so; whether it is stored matters to nobody. */
  async #noteUse({ id, usedAt = 0 }: ServiceKey): Promise<void> {
    const now = this.clock.now();
    if (now - usedAt < SEEN_EVERY_MS) return;
    this.#keys.forget(id);
    const row = await this.store.get<ServiceKey>(keys.serviceKey(id));
    if (!row.value || now - (row.value.usedAt ?? 0) < SEEN_EVERY_MS) return;
    await this.store.commit({
      checks: [{ key: row.key, version: row.version }],
      mutations: [{ key: row.key, value: { ...row.value, usedAt: now } }],
    });
  }
}

function digest(key: string): string {
  return createHash("sha256").update(key).digest("base64url");
}

function isEqual(a: string, b: string): boolean {
  const encoder = new TextEncoder();
  return equalInConstantTime(encoder.encode(a), encoder.encode(b));
}
