# Postern in a container. The guide is docs/guides/container.md.
#
#   docker build -t postern .
#   docker run -v ./profile:/etc/postern -p 443:8443 postern
#
# ./profile holds postern.pfl (or one other *.pfl) and the identities, in sec/ unless SECUDIR or DIR_INSTANCE say otherwise. Without a
# mounted profile the demo landscape starts.
#
# The process runs as uid 1000, gid 1000 and reads profile and identities as that user, whoever owns them on the host. Keys stay closed to
# everybody else: `chown -R 1000:1000 profile && chmod -R go= profile`; in Kubernetes `securityContext.fsGroup: 1000` and
# `defaultMode: 0440`. Another user works as well: `docker run --user 20000:20000`.

FROM node:26-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# the development dependency `node` has nothing to add to an image that is made of Node
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY tools/build.ts tools/
COPY src src
COPY plugins plugins
RUN node tools/build.ts

FROM node:26-bookworm-slim AS dependencies
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:26-bookworm-slim
WORKDIR /opt/postern
COPY --from=dependencies /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
COPY profiles profiles
COPY container container
RUN ln -s /opt/postern/dist/src/postern.js /usr/local/bin/postern && mkdir /etc/postern

ENV NODE_ENV=production
# Port of /live, /ready and /metrics, on 127.0.0.1 of the container, unless the profile sets postern/admin_port itself.
ENV POSTERN_ADMIN_PORT=9400
# a number, because Kubernetes checks runAsNonRoot by it
USER 1000:1000
EXPOSE 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.POSTERN_ADMIN_PORT}/live`).then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "/opt/postern/container/start.ts"]
