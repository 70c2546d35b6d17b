// Text that only this installation's SECRET can read again: AES-256-GCM under a key of its own.
import { deriveKey } from "./secrets.ts";

const NONCE_BYTES = 12;

export class Seal {
  readonly #keyBytes: Uint8Array<ArrayBuffer>;

  constructor(secret: Uint8Array, purpose: string) {
    this.#keyBytes = deriveKey(secret, purpose);
  }

  /** Seals `text` under a `label` that must be named again to open it, so that rows cannot be swapped. */
  async close(text: string, label: string): Promise<string> {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const sealed = await crypto.subtle.encrypt(
      parameters(nonce, label),
      await this.#key(),
      new TextEncoder().encode(text),
    );
    return new Uint8Array([...nonce, ...new Uint8Array(sealed)]).toBase64();
  }

  /** Null where it was sealed with another SECRET or label, or changed since. */
  async open(sealed: string, label: string): Promise<string | null> {
    try {
      const bytes = Uint8Array.fromBase64(sealed);
      const opened = await crypto.subtle.decrypt(
        parameters(bytes.slice(0, NONCE_BYTES), label),
        await this.#key(),
        bytes.slice(NONCE_BYTES),
      );
      return new TextDecoder().decode(opened);
    } catch {
      return null;
    }
  }

  #key(): Promise<CryptoKey> {
    return crypto.subtle.importKey("raw", this.#keyBytes, "AES-GCM", false, [
      "encrypt",
      "decrypt",
    ]);
  }
}

function parameters(nonce: Uint8Array<ArrayBuffer>, label: string) {
  return {
    name: "AES-GCM",
    iv: nonce,
    additionalData: new TextEncoder().encode(label),
  };
}
