# A server with its packages inside, so that it starts without a network. How to run it: docs/deploy.md.
FROM denoland/deno:2.9.6@sha256:2014dc167ece617ef7e7ba40631ac2234c59e75ce693e7cc2dc2602b3c87859d

ENV DENO_DIR=/deno-dir DENO_NO_UPDATE_CHECK=1
WORKDIR /app

# Packages change less often than sources, so they are a layer of their own, without those of types and tests.
COPY deno.json deno.lock ./
RUN deno remove --quiet @asyncapi/specs @seriousme/openapi-schema-validator @types/ws ajv fast-check oidc-provider \
  && deno install --frozen

COPY main.ts ./
COPY kv kv/
COPY realtime realtime/
COPY routes routes/
RUN deno cache --frozen main.ts

# All of it belongs to root; the server writes only to its data. It runs as the image's user `deno`,
# by number, from which Kubernetes can tell that it is not root.
RUN mkdir --mode=700 data && chown 1993:1993 data
USER 1993:1993
VOLUME /app/data

EXPOSE 8000
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD [ \
  "deno", "run", "--no-prompt", "--no-config", "--allow-env=PORT", "--allow-net=127.0.0.1", \
  "data:text/javascript,const { ok } = await fetch(`http://127.0.0.1:${Deno.env.get('PORT') || 8000}/healthz`); Deno.exit(ok ? 0 : 1)" \
]
CMD ["deno", "task", "--quiet", "start"]
