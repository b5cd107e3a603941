# The collector as an image: `docker build --tag quittance .`, or `cargo xtask image` for an archive of it.
# docker-compose.yml shows how it is run, docs/deployment.md what it expects.

# What the build of the dependencies depends on, and nothing else: as long as no manifest changes, neither does this.
FROM rust:1.95-bookworm AS manifests
WORKDIR /build
COPY . .
RUN sh deploy/image/manifests.sh

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY --from=manifests /build .
RUN cargo build --locked --profile dist --bin quittance
COPY . .
# Sources must be newer than what was built of the empty ones.
RUN find crates -name '*.rs' -exec touch {} + && cargo build --locked --profile dist --bin quittance
RUN sh deploy/image/root.sh target/dist/quittance /image

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Quittance" \
      org.opencontainers.image.description="Collects security events of AWS accounts and delivers them to Devo, each against a receipt" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/system /
COPY --from=build --chown=10001:10001 /image/home /devo-collector
WORKDIR /devo-collector
# CONFIG_FILE is a file in config/. RUN_AS is who a container that is started as root becomes before it does anything else.
# Probes are answered to `quittance health`, in the container, unless the configuration has an address for them.
ENV CONFIG_FILE=config.yaml RUN_AS=10001 PROBES_ADDRESS=127.0.0.1:0
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["/quittance", "health"]
ENTRYPOINT ["/quittance"]
CMD ["run"]
