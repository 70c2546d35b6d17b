// What an operation is: one value that REST, sockets, the documents and the parity test all read.
import type * as z from "zod";
import type { Core } from "./core.ts";
import type { RefusalCode } from "./errors.ts";
import type { Caller, Principal } from "./principal.ts";
import { type Scope, whyOutOfScope } from "./scopes.ts";

interface Described<
  Name extends string,
  Input extends z.ZodType,
  Output extends z.ZodType,
> {
  /** `noun.verb`; also the socket command's type. */
  readonly name: Name;
  /** One line for people. */
  readonly summary: string;
  readonly input: Input;
  readonly output: Output;
  /** What it may be refused with besides what any such operation may; for the documents. */
  readonly refusals?: readonly RefusalCode[];
}

/** Anybody may ask; the operation itself decides. REST only: a socket always belongs to somebody. */
export interface PublicOperation<
  Name extends string = string,
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> extends Described<Name, Input, Output> {
  readonly access: "public";
  run(
    core: Core,
    input: z.output<Input>,
    caller: Caller,
  ): Promise<z.input<Output>>;
}

/** Asked by a signed-in user, by REST or by socket. */
export interface UserOperation<
  Name extends string = string,
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> extends Described<Name, Input, Output> {
  readonly access: "user";
  /** What a service key needs to ask for it. Without one no key may. */
  readonly scope?: Scope;
  /** Its answer holds a secret, and so is not kept to be given again. */
  readonly secret?: true;
  /**
   * The operation takes its place in its room's order before it first waits,
   * so a socket may start the next one on that room without waiting for this one.
   */
  readonly ordered?: true;
  run(
    core: Core,
    input: z.output<Input>,
    principal: Principal,
  ): Promise<z.input<Output>>;
}

export type Operation = PublicOperation | UserOperation;

export function publicOperation<
  Name extends string,
  Input extends z.ZodType,
  Output extends z.ZodType,
>(
  operation: Omit<PublicOperation<Name, Input, Output>, "access">,
): PublicOperation<Name, Input, Output> {
  return { ...operation, access: "public" };
}

/** Whatever is asked by a service key is checked against its scopes before `run` is called. */
export function userOperation<
  Name extends string,
  Input extends z.ZodType,
  Output extends z.ZodType,
>(
  operation: Omit<UserOperation<Name, Input, Output>, "access">,
): UserOperation<Name, Input, Output> {
  return {
    ...operation,
    access: "user",
    // Here and nowhere else, so that no way in can forget it.
    run(core, input, principal) {
      const refused = whyOutOfScope(principal, operation.scope);
      return refused
        ? Promise.reject(refused)
        : operation.run(core, input, principal);
    },
  };
}
