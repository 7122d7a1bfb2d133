SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Flags for the manager: make run ARGS=--allow-insecure-endpoints
ARGS ?=
# KEEP=1 leaves what the demo started running.
KEEP ?=
# The race detector: on, off, or auto, which is on if there is a C compiler.
RACE ?= auto
# More flags for go test: make test TESTFLAGS='-run Conflict -v'
TESTFLAGS ?=
# What `make test` tests. Long tests carry the build tag "long" and are not among them.
PACKAGES ?= ./...

ASSETS := $(CURDIR)/bin/k8s
GOLANGCI_LINT := bin/golangci-lint
CONTROLLER_GEN := go tool controller-gen
# What hack/deploy pins: they install, watch and check the operator.
HELM := bin/helm
KUSTOMIZE := bin/kustomize
PROMTOOL := bin/promtool
GOVULNCHECK := bin/govulncheck
INDEXDB := bin/indexdb

##@ Use

.PHONY: help
help: ## Show this help.
	@while IFS= read -r line; do \
		if [[ $$line =~ ^\#\#@\ (.*) ]]; then printf '\n%s\n' "$${BASH_REMATCH[1]}"; fi; \
		if [[ $$line =~ ^([a-z-]+):.*\#\#\ (.*) ]]; then printf '  %-16s%s\n' "$${BASH_REMATCH[@]:1}"; fi; \
		if [[ $$line == '# '* ]]; then comment=$${line#\# }; fi; \
		if [[ $$line =~ ^([A-Z_]+)\ \?= ]]; then variables+=("$$(printf '  %-16s%s' "$${BASH_REMATCH[1]}" "$$comment")"); fi; \
	done < Makefile; \
	printf '\nVariables\n'; printf '%s\n' "$${variables[@]}"

.PHONY: demo
demo: control-plane build ## Show it all on an empty machine: control plane, DeepCall simulator, manager, a narrated run.
	@KEEP="$(KEEP)" hack/demo.sh

.PHONY: run
run: ## Run the manager against the current kubeconfig, with the flags in ARGS.
	go run ./cmd $(ARGS)

.PHONY: build
build: ## Build bin/manager and bin/simulator.
	@hack/alive.sh build env CGO_ENABLED=0 go build -trimpath -o bin/manager ./cmd
	@hack/alive.sh build env CGO_ENABLED=0 go build -trimpath -o bin/simulator ./test/simulator

##@ Test

.PHONY: test
test: control-plane ## Run every test but the long ones.
	@hack/controller-manager.sh
	@KUBEBUILDER_ASSETS="$(ASSETS)" RACE=$(RACE) hack/go-test.sh $(TESTFLAGS) $(PACKAGES)

.PHONY: test-long
test-long: control-plane ## Run the long tests: 50 failovers, 10,000 mappings; about half an hour.
	@KUBEBUILDER_ASSETS="$(ASSETS)" RACE=off hack/go-test.sh -tags=long -timeout=90m $(TESTFLAGS) \
		./internal/controller ./test/e2e -ginkgo.focus='50 times|large scale' -ginkgo.v

.PHONY: test-unit
test-unit: ## Run the tests that need no control plane.
	@RACE=$(RACE) hack/go-test.sh $(TESTFLAGS) ./internal/deepcall/... ./internal/plan/... ./internal/account/...

.PHONY: control-plane
control-plane: ## Put kube-apiserver, etcd and kubectl into bin/k8s, if they are not there yet.
	@hack/control-plane.sh

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run the linters.
	@hack/alive.sh lint $(GOLANGCI_LINT) run ./...

.PHONY: check-generated
check-generated: ## Fail if `make generate` would change anything; change nothing.
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	$(MAKE) --no-print-directory generate OUT="$$tmp"; \
	for path in $(GENERATED); do \
		git --no-pager diff --no-index --exit-code -- "$$path" "$$tmp/$$path" || stale=1; \
	done; \
	if [[ -n $${stale:-} ]]; then \
		echo 'Generated files are stale: run `make generate` and commit what it changes.' >&2; exit 1; \
	fi

##@ Develop

OUT := .
GENERATED := api/v1alpha1/zz_generated.deepcopy.go config/crd/bases config/rbac/role.yaml

.PHONY: generate
generate: ## Generate deepcopy code, CRDs and the manager's role from the markers in the code.
	@$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt crd paths=./api/... \
		output:object:dir="$(OUT)/api/v1alpha1" output:crd:dir="$(OUT)/config/crd/bases"
	@$(CONTROLLER_GEN) rbac:roleName=manager-role paths=./internal/controller/... \
		output:rbac:dir="$(OUT)/config/rbac"

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the code.
	@$(GOLANGCI_LINT) fmt ./...

.PHONY: tidy
tidy: ## Tidy go.mod of every module here.
	go mod tidy
	cd hack/controlplane && go mod tidy
	cd hack/deploy && go mod tidy
	cd hack/tools && go mod tidy

.PHONY: clean
clean: ## Remove what was built; Go's build cache brings it back quickly.
	rm -rf bin dist

$(GOLANGCI_LINT): hack/tools/go.mod hack/tools/go.sum hack/tools/main.go
	@echo 'lint: building golangci-lint from hack/tools: one to two minutes on two cores the first time' >&2
	@mkdir -p bin
	@CGO_ENABLED=0 hack/alive.sh 'building golangci-lint' \
		go build -C hack/tools -trimpath -buildvcs=false -ldflags "-s -w" -o "$(CURDIR)/$@.new" .
	@mv $@.new $@

$(HELM): TOOL := helm.sh/helm/v3/cmd/helm
$(KUSTOMIZE): TOOL := sigs.k8s.io/kustomize/kustomize/v5
$(PROMTOOL): TOOL := github.com/prometheus/prometheus/cmd/promtool
$(GOVULNCHECK): TOOL := golang.org/x/vuln/cmd/govulncheck
$(INDEXDB): TOOL := golang.org/x/vulndb/cmd/indexdb
$(HELM) $(KUSTOMIZE) $(PROMTOOL) $(GOVULNCHECK) $(INDEXDB): hack/deploy/go.mod hack/deploy/go.sum
	@echo '$(@F): building it from hack/deploy: up to two minutes on two cores the first time' >&2
	@mkdir -p bin
	@CGO_ENABLED=0 hack/alive.sh 'building $(@F)' go build -C hack/deploy -trimpath -buildvcs=false \
		-tags remove_all_sd -ldflags "-s -w" -o "$(CURDIR)/$@.new" $(TOOL)
	@mv $@.new $@
