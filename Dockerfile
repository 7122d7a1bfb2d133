# The manager's image. The build stage runs on the builder's own platform and cross-compiles, so
# `make docker-build` takes no longer for several platforms than the compiler does.
#
# The Go that a release is built with; `make vulncheck` checks for this one.
ARG GO_VERSION=1.26.10
FROM --platform=$BUILDPLATFORM golang:$GO_VERSION AS build
ENV GOTOOLCHAIN=local
WORKDIR /src

# The modules change less often than the code, so they are a layer of their own.
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
      org.opencontainers.image.description="Keeps DeepCall's agents and groups as they are declared in Kubernetes" \
      org.opencontainers.image.source="https://github.com/deepcall/deepcall-operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION
COPY --from=build /manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
