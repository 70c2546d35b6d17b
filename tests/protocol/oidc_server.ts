// A real identity provider as a process: npm oidc-provider with one browser client, one machine and the keys it is given.
// Arguments: the port (0 takes any) and the JSON Web Key Set it signs with. Prints its issuer when it listens.
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import OidcProvider from "oidc-provider";

/** The part of the package that is used; it brings no types. */
type Provider = new (issuer: string, configuration: unknown) => {
  callback(): RequestListener;
};

interface Token {
  readonly accountId?: string;
  readonly sessionUid?: string;
}

/** Where the browser is sent back to; nobody listens there. */
const REDIRECT = "http://127.0.0.1/signed-in";
const RESOURCE = "urn:chat";

const [port, jwks] = process.argv.slice(2);
const server = createServer();
server.listen(Number(port), "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new (OidcProvider as unknown as Provider)(issuer, {
    jwks: JSON.parse(jwks!),
    clients: [{
      client_id: "app",
      token_endpoint_auth_method: "none",
      redirect_uris: [REDIRECT],
    }, {
      client_id: "machine",
      client_secret: "a secret of the machine's",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    }],
    findAccount: (_: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        getResourceServerInfo: () => ({
          scope: "chat",
          audience: "chat",
          accessTokenFormat: "jwt",
          accessTokenTTL: 2 * 3600,
        }),
      },
    },
    extraTokenClaims: (_: unknown, { accountId, sessionUid }: Token) =>
      accountId === undefined ? undefined : {
        sid: sessionUid,
        preferred_username: accountId,
        name: `${accountId} of the shop`,
        email: `${accountId}@shop.example`,
        email_verified: true,
      },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
