# One static binary on an image that holds nothing else: no shell, no package manager, no root.
#
#   make image              # or: docker build --build-arg VERSION="$(git describe --tags --always)" -t paddock .
#   docker run -p 127.0.0.1:8080:8080 -e ALLOWED_HOSTS=localhost -v paddock:/data -e JWT_SECRET="$(openssl rand -hex 32)" paddock
#
# Without a database it uses the embedded one in /data; with DB_HOST or DATABASE_URL it needs no volume. It writes nowhere else: run it
# with --read-only. The same commit and the same base images give the same program; SOURCE_DATE_EPOCH dates the image.

FROM --platform=$BUILDPLATFORM node:20 AS page
WORKDIR /src/ui
COPY ui/package.json ui/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY ui .
RUN npm run build

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
COPY --from=page /src/ui/dist ui/dist
ARG TARGETOS TARGETARCH
# .git is not sent to the builder, so that somebody has to say which version this is.
ARG VERSION
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags="-s -w -X github.com/paddock-gate/paddock/internal/version.stamped=$VERSION" -o /out/paddock ./cmd/paddock
# A new volume takes the owner and the mode of the folder that it covers.
RUN install -d -m 0700 /out/data

FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION REVISION
LABEL org.opencontainers.image.title="Paddock" \
      org.opencontainers.image.description="The gate in front of an organisation's Ollama servers" \
      org.opencontainers.image.source="https://github.com/paddock-gate/paddock" \
      org.opencontainers.image.documentation="https://github.com/paddock-gate/paddock/blob/main/docs/DEPLOY.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /out/paddock /usr/local/bin/paddock
COPY --from=build --chown=nonroot:nonroot /out/data /data
ENV ENVIRONMENT=prod DATA_DIR=/data
VOLUME /data
EXPOSE 8080
USER nonroot:nonroot
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s CMD ["/usr/local/bin/paddock", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/paddock"]
CMD ["serve"]
