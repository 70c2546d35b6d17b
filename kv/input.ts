// How input from outside is refused, the same by REST and by WebSocket.
import { type InputFault, Refused } from "./errors.ts";

/** A hostile input has as many faults as it has items; nobody reads more than these. */
const FAULTS_TOLD = 20;

/** The part of zod's issues that is told. */
interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** What a schema found wrong, as the refusal `invalid` with where and why. */
export function refuseInput(error: { issues: readonly Issue[] }): Refused {
  const errors = error.issues.slice(0, FAULTS_TOLD).map(toFault);
  return new Refused("invalid", summaryOf(errors), { errors });
}

/** Whether JSON text nests deeper than `depth`, seen without building it. Brackets within strings do not count. */
export function nestsDeeperThan(depth: number, json: string): boolean {
  let open = 0;
  let quoted = false;
  for (let i = 0; i < json.length; i++) {
    const char = json.charCodeAt(i);
    if (quoted) {
      if (char === BACKSLASH) i++;
      else if (char === QUOTE) quoted = false;
    } else if (char === QUOTE) quoted = true;
    else if (char === BRACKET || char === BRACE) {
      if (++open > depth) return true;
    } else if (char === BRACKET + 2 || char === BRACE + 2) open--;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Each closes by the character two after it. */
const BRACKET = 0x5b;
const BRACE = 0x7b;

/** What zod says before the rule itself, which is enough. */
const ZOD_PREFIX = /^(Invalid (input|option)|Too (big|small)): (?=expected )/;

function toFault({ path, message }: Issue): InputFault {
  return {
    path: path.map(String).join("."),
    message: message.endsWith(", received undefined")
      ? "is missing"
      : message.replace(ZOD_PREFIX, ""),
  };
}

function summaryOf([first]: readonly InputFault[]): string {
  if (first === undefined) return "The input is not valid.";
  return first.path === "" ? first.message : `${first.path}: ${first.message}`;
}
