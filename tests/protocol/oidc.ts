// What a test does with a real identity provider: start it, stop it, sign in there as a browser does.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { exportJWK, generateKeyPair } from "jose";
import type { JWK } from "jose";

const ROOT = new URL("../../", import.meta.url);
const RESOURCE = "urn:chat";
const REDIRECT = "http://127.0.0.1/signed-in";
/** More than any sign-in takes. */
const STEPS = 12;

export interface Oidc {
  readonly issuer: string;
  /** Resolves when it is gone, also if it was stopped before. */
  stop(): Promise<void>;
}

/** A private key to sign with, under a name. */
export async function makeKey(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return { ...await exportJWK(privateKey), kid, alg: "RS256", use: "sig" };
}

/** Starts the provider with these keys, of which the first signs; at `issuer`, where it was before, or anywhere. */
export async function startOidc(
  keys: readonly JWK[],
  issuer = "http://127.0.0.1:0",
): Promise<Oidc> {
  const child = new Deno.Command("deno", {
    args: [
      "run",
      "--no-prompt",
      "--no-check",
      `--config=${new URL("deno.json", ROOT).pathname}`,
      "--allow-net=127.0.0.1",
      // Its dependencies look for their own switches there.
      "--allow-env",
      new URL("oidc_server.ts", import.meta.url).pathname,
      new URL(issuer).port || "0",
      JSON.stringify({ keys }),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream());
  const reader = lines.getReader();
  const { value } = await reader.read();
  assert.ok(value, "the provider did not start");
  let stopping: Promise<void> | null = null;
  const stop = async () => {
    child.kill("SIGKILL");
    await child.status;
    while (!(await reader.read()).done);
  };
  return { issuer: value.trim(), stop: () => stopping ??= stop() };
}

/** A browser: it keeps its cookies, and so stays signed in at the provider. */
export class Browser {
  readonly #cookies = new Map<string, string>();

  constructor(private readonly issuer: string) {}

  /** Signs in, by password the first time, and answers an access token for the chat. */
  async signIn(login: string): Promise<string> {
    const verifier = randomBytes(32).toString("base64url");
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const query = new URLSearchParams({
      client_id: "app",
      response_type: "code",
      redirect_uri: REDIRECT,
      scope: "openid chat",
      resource: RESOURCE,
      code_challenge: challenge,
      code_challenge_method: "S256",
    });
    const code = await this.#authorize(`/auth?${query}`, login);
    const response = await fetch(`${this.issuer}/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "authorization_code",
        client_id: "app",
        redirect_uri: REDIRECT,
        code_verifier: verifier,
        resource: RESOURCE,
        code,
      }),
    });
    return await tokenOf(response);
  }

  async #authorize(start: string, login: string): Promise<string> {
    let url = new URL(start, this.issuer);
    for (let step = 0; step < STEPS; step++) {
      const page = await this.#open(url);
      const location = page.headers.get("location");
      const html = await page.text();
      if (location === null) {
        // A form: who is it, or is the app allowed to?
        const prompt = /name="prompt" value="(\w+)"/.exec(html)?.[1];
        assert.ok(prompt, `${page.status} ${html}`);
        const form = new URLSearchParams({ prompt, login, password: "any" });
        const sent = await this.#open(url, form);
        await sent.body?.cancel();
        url = new URL(sent.headers.get("location")!, url);
      } else url = new URL(location, url);
      if (url.href.startsWith(REDIRECT)) {
        const code = url.searchParams.get("code");
        assert.ok(code, url.href);
        return code;
      }
    }
    throw new Error("the sign-in does not end");
  }

  async #open(url: URL, form?: URLSearchParams): Promise<Response> {
    const cookies = [...this.#cookies].map((pair) => pair.join("="));
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: cookies.join("; ") },
      ...(form ? { method: "POST", body: form } : {}),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [name, value] = cookie.split(";")[0]!.split("=");
      this.#cookies.set(name!, value!);
    }
    return response;
  }
}

/** An access token of a program's own. */
export async function machineToken(issuer: string): Promise<string> {
  const credentials = btoa("machine:a secret of the machine's");
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${credentials}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  return await tokenOf(response);
}

async function tokenOf(response: Response): Promise<string> {
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body.access_token;
}
