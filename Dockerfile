# Holdfast as a service: docker build --tag holdfast . ; then see compose.yaml.
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS build
WORKDIR /opt/holdfast
COPY package.json package-lock.json .npmrc ./
COPY scripts/build-web.ts scripts/
RUN npm ci --no-audit --no-fund
COPY . .
RUN node --disable-warning=ExperimentalWarning scripts/build-web.ts \
 && node --disable-warning=ExperimentalWarning scripts/bundle-libraries.ts \
 && npm prune --omit=dev --no-audit --no-fund \
 && rm -rf scripts test bench package-lock.json src/web \
 && find src -name '*.test.ts' -delete

FROM ${BASE}
# pg_dump must not be older than the server it reads. For Debian's own client alone, without the PostgreSQL project's
# repository: --build-arg PGDG=no --build-arg POSTGRES_MAJORS=15
ARG PGDG=yes
ARG POSTGRES_MAJORS="14 15 16 17 18"
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates zstd age tini libdeflate0 postgresql-common \
 && if [ "$PGDG" = yes ]; then /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y; fi \
 && apt-get install --yes --no-install-recommends $(printf 'postgresql-client-%s ' $POSTGRES_MAJORS) \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /var/log/*.log /var/log/apt \
 && useradd --uid 10001 --user-group --create-home --home-dir /home/holdfast holdfast \
 && install -d -o holdfast -g holdfast -m 0700 /var/lib/holdfast /var/cache/holdfast /app/data/backups
COPY --from=build /opt/holdfast /opt/holdfast
ENV HOLDFAST_DATA_DIR=/var/lib/holdfast \
    HOLDFAST_LISTEN=0.0.0.0:8000 \
    NODE_ENV=production \
    NODE_COMPILE_CACHE=/var/cache/holdfast \
    NODE_COMPILE_CACHE_PORTABLE=1 \
    PATH=/opt/holdfast/bin:$PATH
USER 10001
# The root file system is read-only when it runs, so what Node compiles is kept from now.
RUN holdfast serve --help >/dev/null
VOLUME ["/var/lib/holdfast", "/app/data/backups"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "--disable-warning=ExperimentalWarning", "/opt/holdfast/deploy/health-check.ts"]
ENTRYPOINT ["tini", "--", "holdfast"]
CMD ["serve"]
