// What somebody may paste who has just started the server: a user, a socket, the first words on it.

/** Runs on Node, which whoever started this by npx has. */
const TERMINAL_CLIENT = "npx -y wscat@6.1.0";

export interface FirstSteps {
  /** For a shell: registers somebody new, however often it is pasted, and opens their socket. */
  readonly shell: string;
  /** For the open socket. */
  readonly frames: readonly string[];
}

/** @param url where the server is reached, without a slash at the end */
export function firstSteps(url: string): FirstSteps {
  const socket = `${url.replace(/^http/, "ws")}/api/v1/ws`;
  const account =
    `{"username":"ada'$(date +%s)'","password":"correct horse battery"}`;
  return {
    shell: [
      `token=$(curl ${url}/api/v1/auth/register -s -H 'content-type: application/json' \\`,
      `  -d '${account}' | grep -o 'eyJ[^"]*')`,
      `${TERMINAL_CLIENT} -c ${socket} -H "authorization: Bearer $token"`,
    ].join("\n"),
    frames: [
      '{"type":"hello","id":"1"}',
      '{"type":"room.create","id":"2","data":{"type":"channel","name":"Kitchen"}}',
    ],
  };
}

/** What `deno task dev` prints: where it listens, and what to try there. */
export function greeting(url: string, kv: string): string {
  const { shell, frames } = firstSteps(url);
  const indented = (lines: string) => lines.replace(/^/gm, "  ");
  return `
Kvorum listens at ${url} and keeps its data in ${kv}.

Paste this into another terminal, to register and open a socket:

${indented(shell)}

Then, line by line, to say hello and make a room:

${indented(frames.join("\n"))}

Every call and every frame: ${url}/docs
Ctrl-C ends it.
`;
}
