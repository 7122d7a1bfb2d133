# The image of the manager. The build stage runs on the builder's platform and cross-compiles, which is faster than
# emulation.
#
# The Go version of releases. `make vulncheck` checks this version.
ARG GO_VERSION=1.26.10
FROM --platform=$BUILDPLATFORM golang:$GO_VERSION AS build
ENV GOTOOLCHAIN=local
WORKDIR /src

# Modules change less often than code, so they have their own layer.
COPY go.mod go.sum ./
RUN go mod download

COPY hack/build.sh hack/
COPY api/ api/
COPY cmd/ cmd/
COPY internal/ internal/
ARG TARGETOS
ARG TARGETARCH
ARG VERSION
ARG REVISION
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH VERSION=$VERSION REVISION=$REVISION hack/build.sh /manager

FROM gcr.io/distroless/static:nonroot
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="deepcall-operator" \
      org.opencontainers.image.description="Keeps the call groups of DeepCall agents in sync with AgentGroupMappings" \
      org.opencontainers.image.source="https://github.com/deepcall/deepcall-operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION
COPY --from=build /manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
