// One socket's session: takes its frames, runs its commands in order and within bounds, and ends it.
import {
  authenticate,
  isFresh,
  requireLive,
} from "../../kv/accounts/verify.ts";
import { Refused, toWireError } from "../../kv/errors.ts";
import { LIMITS } from "../../kv/limits.ts";
import type { Caller, Principal } from "../../kv/principal.ts";
import { requireScopes } from "../../kv/scopes.ts";
import { errorFrame } from "../frames.ts";
import type { Shared } from "../shared.ts";
import type { SocketEvents, SocketPort } from "../sockets/port.ts";
import { Allowance } from "./allowance.ts";
import { byeFrame, type Closing, CLOSINGS } from "./closing.ts";
import type { Commanded } from "./commands.ts";
import type { Answer, Places, Welcome } from "./shapes.ts";
import { Deadline } from "./deadline.ts";
import {
  type Command,
  findCommand,
  parseCommand,
  runCommand,
} from "./dispatch.ts";
import { Entry, type Host } from "./entry.ts";
import type { Pulse } from "./heartbeat.ts";
import { Lanes } from "./lanes.ts";
import { Outbox } from "./outbox.ts";
import { Waiting } from "./waiting.ts";

export class Session implements SocketEvents, Host, Commanded {
  readonly outbox: Outbox;
  readonly #pulse: Pulse;
  readonly #allowance: Allowance;
  readonly #lanes = new Lanes();
  readonly #helloDue: Deadline;
  readonly #drainDue: Deadline;
  /** Commands that wait while hello is answered, or the session is looked at again. */
  readonly #arrived: Command[] = [];
  #held = false;
  #inFlight = 0;
  #ended = false;
  readonly #waiting: Waiting | null;
  #entry: Entry | null = null;

  /**
   * @param shown who the upgrade request showed to be, null where `hello` is to tell
   * @param left is called once, when the session has ended
   */
  constructor(
    readonly shared: Shared,
    readonly port: SocketPort,
    private readonly caller: Caller,
    private readonly shown: Principal | null,
    private readonly left: () => void,
  ) {
    const { turn, heartbeat, rates } = shared;
    this.outbox = new Outbox(port, { batch: false }, turn);
    this.#allowance = new Allowance(rates);
    this.#pulse = heartbeat.join({
      ping: () => port.ping(),
      silent: () => this.end("no_heartbeat"),
    });
    // No client is late while it is the server that does not look.
    this.#drainDue = new Deadline(heartbeat.attention);
    this.#helloDue = new Deadline(heartbeat.attention);
    this.#helloDue.set(
      shown ? LIMITS.helloWithinAuthenticatedMs : LIMITS.helloWithinMs,
      () => this.end("unauthenticated"),
    );
    this.#waiting = shown && new Waiting(this, shown);
  }

  text(frame: string): void {
    const command = parseCommand(frame);
    if ("refusal" in command) return this.#bad(command.id, command.refusal);
    if (findCommand(command.type) === null) {
      const refusal = new Refused(
        "unknown_command",
        `No such command: ${command.type}.`,
      );
      return this.#bad(command.id, refusal);
    }
    if (this.#inFlight >= LIMITS.commandsInFlight) {
      return this.#refuse(command, 100, "Too many commands at once.");
    }
    const waitMs = this.#allowance.takeCommand();
    if (waitMs !== null) {
      return this.#refuse(command, waitMs, "Too many commands.");
    }
    this.#inFlight++;
    this.#arrived.push(command);
    this.#startArrived();
    // Who does not take the answers is not asked for more.
    if (this.outbox.lagging) this.lagging();
  }

  binary(): void {
    this.#bad("null", new Refused("malformed_frame", "Frames are text here."));
  }

  alive(): void {
    this.#pulse.beat();
  }

  closed(): void {
    this.#leave();
  }

  /** @throws Refused `hello_required` before the client has said who it is */
  requireEntry(): Entry {
    if (this.#entry) return this.#entry;
    throw new Refused("hello_required", "Say hello first.");
  }

  async hello(
    token: string | undefined,
    places: Places,
    batch: boolean,
  ): Promise<Answer<Welcome>> {
    if (this.#entry) throw new Refused("conflict", "Hello was said already.");
    // Said in time; what ends without an entry from here on ends the socket.
    this.#helloDue.clear();
    const principal = token === undefined
      ? this.shown
      : await authenticate(this.shared.core, token, this.caller);
    if (principal === null) {
      throw new Refused(
        "unauthenticated",
        'Send an access token: {"type":"hello","id":"1","data":{"token":"…"}}.',
      );
    }
    if ((this.shown ?? principal).user !== principal.user) {
      throw new Refused(
        "unauthenticated",
        "This token is not of the user who opened the socket.",
      );
    }
    // A socket hears whatever happens in one's rooms.
    requireScopes(principal, "rooms", "messages");
    if (this.#entry) throw new Refused("conflict", "Hello was said already.");
    if (this.#ended) throw new Refused("unauthenticated", "The socket ended.");
    this.#waiting?.leave();
    if (this.shared.hub.of(principal.user).size >= LIMITS.socketsPerUser) {
      // By then the heartbeat has ended those that are dead.
      throw new Refused("rate_limited", "This user has too many sockets.", {
        retryAfterMs: 2 * LIMITS.heartbeatMs,
      });
    }
    this.#entry = new Entry(this, principal);
    const answer = await this.#entry.welcome(places);
    this.outbox.batch = batch;
    return answer;
  }

  /** The socket does not take what it is sent: nothing more is read from it until it does, or it is closed. */
  lagging(): void {
    if (this.#drainDue.isSet || this.#ended) return;
    this.#drainDue.set(LIMITS.lagMs, () => this.end("too_slow"));
    this.port.pause();
    void this.port.whenDrained(LIMITS.shedBytes).then(() => {
      this.#drainDue.clear();
      this.port.resume();
    });
  }

  /** Says goodbye and is gone from every index at once, without waiting for the socket. */
  end(closing: Closing, afterMs = 0): void {
    if (this.#ended) return;
    this.outbox.push(byeFrame(closing, afterMs));
    this.outbox.flush();
    this.#leave();
    this.port.close(CLOSINGS[closing].code, closing);
  }

  async requireLive(principal: Principal): Promise<void> {
    try {
      await requireLive(this.shared.core, principal);
    } catch (thrown) {
      if (!(thrown instanceof Refused)) this.shared.report(thrown);
      this.end(thrown instanceof Refused ? "unauthenticated" : "draining");
    }
  }

  /** Starts what has arrived, in order, once the session is known to live. */
  #startArrived(): void {
    while (this.#arrived.length > 0 && !this.#held && !this.#ended) {
      const principal = this.#entry?.principal;
      if (principal && !isFresh(this.shared.core, principal)) {
        this.#holdUntil(this.requireLive(principal));
        return;
      }
      this.#start(this.#arrived.shift()!);
    }
  }

  /** Starts nothing more before what is given, which must not reject. */
  #holdUntil(done: Promise<void>): void {
    this.#held = true;
    void done.then(() => {
      this.#held = false;
      this.#startArrived();
    });
  }

  #start(command: Command): void {
    const waitMs = this.#allowance.takeByUser(
      this.#entry?.principal,
      command.type,
    );
    if (waitMs !== null) {
      this.#inFlight--;
      return this.#refuse(command, waitMs, "Too many commands by this user.");
    }
    const found = findCommand(command.type)!;
    const run = async () => {
      const done = await runCommand(this, found, command);
      const { reply, afterwards, closing, afterMs } = done;
      this.#inFlight--;
      if (this.#ended) return;
      this.outbox.push(reply);
      afterwards?.();
      if (closing) this.end(closing, afterMs);
    };
    if (command.type === "hello") return this.#holdUntil(run());
    const { room } = command.data;
    const ordered = "ordered" in found;
    this.#lanes.add(typeof room === "string" ? room : null, {
      ordered,
      run: ordered ? run : () => this.#whenTaken(run),
    });
  }

  /** Who does not take the answers gets no more made: they would all have to be kept. */
  async #whenTaken(run: () => Promise<void>): Promise<void> {
    if (this.outbox.lagging) {
      this.lagging();
      await this.port.whenDrained(LIMITS.shedBytes);
    }
    if (!this.#ended) await run();
  }

  #bad(id: string, refusal: Refused): void {
    this.outbox.push(errorFrame(id, toWireError(refusal)));
    if (!this.#allowance.forgives()) this.end("malformed");
  }

  #refuse({ id }: Command, retryAfterMs: number, message: string): void {
    const refusal = new Refused("rate_limited", message, { retryAfterMs });
    this.outbox.push(errorFrame(id, toWireError(refusal)));
    if (!this.#allowance.bears()) this.end("rate_limited", retryAfterMs);
  }

  #leave(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#helloDue.clear();
    this.#drainDue.clear();
    this.shared.heartbeat.leave(this.#pulse);
    this.#waiting?.leave();
    this.#entry?.leave();
    this.left();
  }
}
