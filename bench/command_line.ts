// What was asked for on the command line. What can't be meant is told in a line, and nothing is measured.
import { parseArgs, type ParseArgsConfig } from "node:util";

/** It was not understood; the message says what of it. */
export class UsageError extends Error {}

/** @throws UsageError */
export function readArguments<Config extends ParseArgsConfig>(config: Config) {
  try {
    return parseArgs(config);
  } catch (fault) {
    // Node goes on about positional arguments.
    const [first] = (fault as Error).message.split(/[.\n]/);
    throw new UsageError(`${first}.`);
  }
}

/** A number above zero. Throws {@link UsageError}. */
export function readNumber(option: string, text: string): number {
  const number = Number(text);
  if (number > 0 && Number.isFinite(number)) return number;
  throw new UsageError(`--${option} must be a number above 0.`);
}

/** A whole number above zero. Throws {@link UsageError}. */
export function readCount(option: string, text: string): number {
  const number = Number(text);
  if (number > 0 && Number.isSafeInteger(number)) return number;
  throw new UsageError(`--${option} must be a whole number above 0.`);
}

/** What `read` makes of the command line; where it can't, the process ends with why and the usage. */
export function readOrExplain<Result>(read: () => Result, usage: string) {
  try {
    return read();
  } catch (fault) {
    if (!(fault instanceof UsageError)) throw fault;
    console.error(`${fault.message}\n\n${usage}`);
    Deno.exit(2);
  }
}
