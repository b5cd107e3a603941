# The collector as an image. `docker compose build` makes it; docker-compose.yml shows how it is run.

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo build --locked --profile dist --bin quittance

FROM debian:bookworm-slim
# The certificates by which AWS is verified; Devo is verified by the chain in certs/ alone.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin collector \
    && install --directory --owner collector --group collector \
       /devo-collector /devo-collector/certs /devo-collector/config /devo-collector/state
COPY --from=build /build/target/dist/quittance /usr/local/bin/quittance

USER collector
WORKDIR /devo-collector
VOLUME ["/devo-collector/certs", "/devo-collector/config", "/devo-collector/state"]
ENV CONFIG_FILE=config.yaml

# Without arguments it runs the collector of the configuration; arguments are given to `quittance` instead.
ENTRYPOINT ["/bin/sh", "-c", "if [ $# -eq 0 ]; then set -- run --config \"/devo-collector/config/$CONFIG_FILE\"; fi; exec quittance \"$@\"", "quittance"]
