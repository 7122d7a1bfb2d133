SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Flags for the manager or the benchmark: make run ARGS=--allow-insecure-endpoints
ARGS ?=
# KEEP=1 leaves the demo running.
KEEP ?=
# Race detector: on, off or auto (on if there is a C compiler).
RACE ?= off
# Additional flags for go test: make test TESTFLAGS='-run Conflict -v'
TESTFLAGS ?=
# Image to build or deploy; deploy defaults to the image in config/manager.
IMG ?=
# kubectl binary; it installs into the current cluster.
KUBECTL ?= kubectl
# FORCE=1 uninstalls even if mappings are left.
FORCE ?=
# Platforms of the image, the manager's archives and verify-reproducible.
PLATFORMS ?= linux/amd64,linux/arm64
# Version that --version and the metric deepcall_build_info report.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# Git commit that --version and the metric deepcall_build_info report.
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# Vulnerability database of vulncheck: pinned, or the URL of a database.
VULNDB ?= pinned
# Duration of make soak: make soak LENGTH=1h SEED=7
LENGTH ?= 10m
# Seed of the random faults of make soak.
SEED ?= 1
# Mutants to run; default: all of hack/mutants.
MUTANTS ?=
# Packages that make test tests, one after the other. Long tests have the build tag "long".
PACKAGES ?=

# The compiler flags of the control plane (hack/kubernetes-build.sh), so that builds reuse the packages compiled for it.
ifeq ($(findstring -gcflags,$(GOFLAGS)),)
export GOFLAGS := $(shell go env GOFLAGS 2>/dev/null) -gcflags=all=-dwarf=false
endif

# Minor version of Kubernetes to test with, such as 1.33; default: the version in hack/controlplane.
K8S ?=
export K8S

ASSETS := $(CURDIR)/bin/k8s$(if $(K8S),-$(K8S))
GO_TEST := KUBEBUILDER_ASSETS="$(ASSETS)" RACE=$(RACE) hack/go-test.sh
GINKGO := KUBEBUILDER_ASSETS="$(ASSETS)" RACE=$(RACE) hack/ginkgo.sh
# The packages of make test.
FAST := $$(go list ./... | grep -vE '/test/(chart|e2e|guides|kustomize|monitoring|policies|reliability)')
# On a busy machine, the API server can take more than the default 20 seconds to start.
export KUBEBUILDER_CONTROLPLANE_START_TIMEOUT ?= 3m
GOLANGCI_LINT := bin/golangci-lint
CONTROLLER_GEN := go tool controller-gen
CRD_REF_DOCS := go tool -modfile=hack/reference/crd-ref-docs/go.mod crd-ref-docs
# Tools built from hack/deploy, which pins their versions.
HELM := bin/helm
HELM_DOCS := bin/helm-docs
KUSTOMIZE := bin/kustomize
PROMTOOL := bin/promtool
PROMETHEUS := bin/prometheus
GOVULNCHECK := bin/govulncheck
INDEXDB := bin/indexdb
CYCLONEDX := bin/cyclonedx-gomod

##@ Use

.PHONY: help
help: ## Show this help.
	@while IFS= read -r line; do \
		if [[ $$line =~ ^\#\#@\ (.*) ]]; then printf '\n%s\n' "$${BASH_REMATCH[1]}"; fi; \
		if [[ $$line =~ ^([a-z-]+):.*\#\#\ (.*) ]]; then printf '  %-20s%s\n' "$${BASH_REMATCH[@]:1}"; fi; \
		if [[ $$line == '# '* ]]; then comment=$${line#\# }; fi; \
		if [[ $$line =~ ^([A-Z0-9_]+)\ \?= ]]; then variables+=("$$(printf '  %-20s%s' "$${BASH_REMATCH[1]}" "$$comment")"); fi; \
	done < Makefile; \
	printf '\nVariables\n'; printf '%s\n' "$${variables[@]}"

.PHONY: demo
demo: control-plane build ## Run a narrated demo: control plane, DeepCall simulator, manager and kubectl, on this machine.
	@KEEP="$(KEEP)" hack/demo.sh

.PHONY: playground
playground: control-plane build ## Start the same processes and leave them running, for docs/tutorial.md.
	@hack/demo.sh playground

.PHONY: run
run: ## Run the manager against the current cluster, with the flags in ARGS.
	go run ./cmd $(ARGS)

.PHONY: build
build: ## Build bin/manager, bin/simulator and bin/kubectl-deepcall.
	@CGO_ENABLED=0 hack/with-progress.sh build go build -ldflags "$(LDFLAGS)" -o bin/manager ./cmd
	@CGO_ENABLED=0 hack/with-progress.sh build go build -ldflags "$(LDFLAGS)" -o bin/ ./test/simulator ./cmd/kubectl-deepcall

LDFLAGS = -s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)

##@ Test

# Specs of the controllers mostly wait. Those of the plugin also start programs, so they run in fewer processes.
.PHONY: test
test: control-plane ## Run the tests of the code, the API, the plugin and the docs (5 minutes).
ifeq ($(PACKAGES)$(TESTFLAGS),)
	@status=0; $(GO_TEST) -skip='^TestSpecs$$' $(FAST) || status=1; \
	PROCS=$${PROCS:-5} $(GINKGO) ./internal/controller || status=1; \
	PROCS=$${PROCS:-3} $(GINKGO) ./test/plugin || status=1; exit "$$status"
else
	@$(GO_TEST) $(TESTFLAGS) $(or $(PACKAGES),$(FAST))
endif

.PHONY: test-all
test-all: ## Run all tests but the long ones, with the race detector (30 minutes).
	@$(MAKE) --no-print-directory test test-deployment reliability RACE=$(if $(filter file,$(origin RACE)),auto,$(RACE))

.PHONY: test-deployment
test-deployment: control-plane $(HELM) $(KUSTOMIZE) $(PROMTOOL) ## Run the tests of the manager's binary, the chart, kustomize, monitoring and the guides.
	@hack/kubernetes-binaries.sh kube-controller-manager
	@status=0; $(GO_TEST) ./test/chart ./test/kustomize ./test/monitoring ./test/guides ./test/policies || status=1; \
	$(GINKGO) ./test/e2e || status=1; exit "$$status"

.PHONY: test-long
test-long: control-plane ## Run the long tests: 50 failovers, stopped leaders, two operators, 10,000 mappings (30 minutes).
	@KUBEBUILDER_ASSETS="$(ASSETS)" RACE=off hack/go-test.sh -tags=long -timeout=90m $(TESTFLAGS) \
		./internal/controller ./test/e2e -ginkgo.focus='50 times|large scale|longer than its lease|different namespaces' -ginkgo.v

.PHONY: test-cluster
test-cluster: ## Test the operator in a cluster with Pods: with kind, or without Docker on this machine as root (30 minutes).
	@hack/test-cluster.sh $(TESTFLAGS)

.PHONY: reliability
reliability: control-plane ## Run the fault injection tests of `make test-all`, a sample of `make sweep`.
	@$(GO_TEST) -timeout=40m -p=1 $(TESTFLAGS) ./test/reliability/...

.PHONY: sweep
sweep: control-plane ## Run all fault injection tests, generated scenarios, two leaders and a simulated year (1 hour).
	@KUBEBUILDER_ASSETS="$(ASSETS)" RACE=off hack/go-test.sh -v -timeout=120m -p=1 -run='Sweep|Generated|Year' $(TESTFLAGS) \
		./test/reliability ./test/reliability/year -sweep=full

.PHONY: soak
soak: control-plane ## Edit mappings for LENGTH while the manager, the API server and DeepCall fail at random.
	@KUBEBUILDER_ASSETS="$(ASSETS)" RACE=off hack/go-test.sh -v -tags=long -timeout=0 -run=TestSoak $(TESTFLAGS) \
		./test/reliability -length=$(LENGTH) -seed=$(SEED)

.PHONY: bench
bench: control-plane build ## Measure the operator against a plain loop (15 minutes); ARGS=--help lists the options.
	@KUBEBUILDER_ASSETS="$(ASSETS)" CGO_ENABLED=0 go run ./test/scale $(ARGS)

.PHONY: mutants
mutants: control-plane ## Verify that the tests detect each of the deliberate defects in hack/mutants (30 minutes).
	@KUBEBUILDER_ASSETS="$(ASSETS)" hack/mutants.sh $(MUTANTS)

# Duration of each fuzz target.
FUZZTIME ?= 30s

# On a busy machine, go test -fuzz can fail with "context deadline exceeded" when FUZZTIME ends. A real failure writes
# its input to testdata/fuzz, so a second run without -fuzz fails too.
.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME; failing inputs are written to testdata/fuzz.
	@grep -Eo '^func Fuzz[A-Za-z0-9]+' internal/*/*_test.go cmd/*/internal/*/*_test.go | while IFS=: read -r file func; do \
		go test "./$${file%/*}" -run='^$$' -fuzz="^$${func#func }$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=10x || \
			go test -count=1 "./$${file%/*}" -run="^$${func#func }$$"; \
	done

.PHONY: test-unit
test-unit: ## Run the tests that need no control plane.
	@RACE=$(RACE) hack/go-test.sh $(TESTFLAGS) ./cmd/... ./test/docs $$(go list ./internal/... | grep -v /internal/controller)

.PHONY: control-plane
control-plane: ## Install kube-apiserver, etcd and kubectl into bin/k8s, if they are missing.
	@hack/control-plane.sh

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run the linters.
	@hack/with-progress.sh lint $(GOLANGCI_LINT) run --allow-serial-runners ./...

.PHONY: verify-generated
verify-generated: ## Verify that generated files are up to date.
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	$(MAKE) --no-print-directory generate OUT="$$tmp"; \
	for path in $(GENERATED); do \
		git --no-pager diff --no-index --exit-code -- "$$path" "$$tmp/$$path" || stale=1; \
	done; \
	if [[ -n $${stale:-} ]]; then \
		echo 'Generated files are out of date: run `make generate` and commit the changes.' >&2; exit 1; \
	fi

##@ Install

INSTALLER = $(KUSTOMIZE) build config/default $(if $(IMG),| sed 's|image: ghcr.io/deepcall/deepcall-operator:.*|image: $(IMG)|')

.PHONY: install
install: $(KUSTOMIZE) ## Install the CRDs into the current cluster.
	@$(KUSTOMIZE) build config/crd | $(KUBECTL) apply -f -

.PHONY: uninstall
uninstall: $(KUSTOMIZE) verify-no-mappings ## Remove the CRDs and all accounts; fails if mappings are left.
	@$(KUSTOMIZE) build config/crd | $(KUBECTL) delete --ignore-not-found $(if $(FORCE),--wait=false) -f -

.PHONY: deploy
deploy: $(KUSTOMIZE) ## Install the CRDs, RBAC and the manager, with the image IMG.
	@$(INSTALLER) | $(KUBECTL) apply -f -

.PHONY: undeploy
undeploy: $(KUSTOMIZE) verify-no-mappings ## Remove everything that deploy installed; fails if mappings are left.
	@$(INSTALLER) | $(KUBECTL) delete --ignore-not-found $(if $(FORCE),--wait=false) -f -

.PHONY: build-installer
build-installer: $(KUSTOMIZE) ## Write the manifests of deploy to dist/install.yaml.
	@mkdir -p dist
	@$(INSTALLER) > dist/install.yaml
	@echo 'wrote dist/install.yaml' >&2

# Only the operator removes the finalizers of mappings and accounts. Without it, they and their CRDs are never deleted.
# The operator removes an account's finalizer half a second after the account's last mapping is gone.
.PHONY: verify-no-mappings
verify-no-mappings:
	@list() { \
		local crd; crd=$$($(KUBECTL) get crd "$$1.telephony.deepcall.com" --ignore-not-found --output=name); \
		if [[ -n $$crd ]]; then $(KUBECTL) get "$$1.telephony.deepcall.com" --all-namespaces "$${@:2}"; fi; \
	}; \
	fail() { \
		printf '%s\n' "$$@" >&2; \
		if [[ -z "$(FORCE)" ]]; then echo 'FORCE=1 uninstalls anyway and leaves them in deletion.' >&2; exit 1; fi; \
	}; \
	mappings=$$(list agentgroupmappings); \
	if [[ -n $$mappings ]]; then \
		fail "$$mappings" 'The operator must stop the calls of these mappings before it is uninstalled.' \
			'Delete them while it runs, see docs/install-kustomize.md.'; \
	fi; \
	columns=NAMESPACE:.metadata.namespace,NAME:.metadata.name,FINALIZERS:.metadata.finalizers; \
	for try in {1..10}; do \
		accounts=$$(list deepcallaccounts --output=custom-columns="$$columns"); \
		if [[ $$accounts != *telephony.deepcall.com/in-use* ]]; then exit 0; fi; \
		if [[ -n "$(FORCE)" ]]; then break; fi; \
		sleep 1; \
	done; \
	fail "$$accounts" 'The operator must remove the finalizer telephony.deepcall.com/in-use from these accounts.' \
		'Check that it runs, or remove the finalizer yourself, see docs/install-kustomize.md.'

##@ Release

.PHONY: docker-build
docker-build: ## Build the image IMG for this machine's platform.
	docker buildx build --load $(IMAGE_ARGS) .

.PHONY: docker-push
docker-push: ## Build the image IMG for all PLATFORMS, with SBOM and provenance, and push it.
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) docker buildx build --push --platform $(PLATFORMS) --sbom=true --provenance=mode=max $(IMAGE_ARGS) .

IMAGE_ARGS = --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --tag $(or $(IMG),$(DEFAULT_IMG))
DEFAULT_IMG := ghcr.io/deepcall/deepcall-operator:$(VERSION)

# Files of a release have the chart's version, unless VERSION is set: make release-artifacts VERSION=v0.2.0
release-artifacts release-rehearsal: VERSION = $(shell sed -n 's/^appVersion: //p' config/chart/Chart.yaml)

.PHONY: release-artifacts
release-artifacts: verify-version $(HELM) $(KUSTOMIZE) $(CYCLONEDX) ## Write the files of a release to dist/release: archives, SBOMs, charts, manifests, schemas, checksums.
	@rm -rf dist/release && mkdir -p dist
	@PLATFORMS="$(PLATFORMS)" VERSION="$(VERSION)" REVISION="$(REVISION)" hack/with-progress.sh release hack/release.sh dist/release
	@echo 'wrote dist/release' >&2

.PHONY: release-rehearsal
release-rehearsal: release-artifacts ## Write the files of a release, and verify all that needs no registry and no signing service.
	@PLATFORMS="$(PLATFORMS)" VERSION="$(VERSION)" REVISION="$(REVISION)" CGO_ENABLED=0 hack/with-progress.sh rehearsal \
		go test -count=1 -tags=long -v -run=Release ./test/release

.PHONY: verify-version
verify-version: ## Verify that the charts and the manifests have the version VERSION.
	@has() { grep -qE "^ *$$2: \"?$$3\"?$$" "$$1" || { echo "$$1: $$2 is not $$3" >&2; return 1; }; }; \
	for chart in chart chart-crds; do \
		has config/$$chart/Chart.yaml version $(VERSION:v%=%); \
		has config/$$chart/Chart.yaml appVersion $(VERSION); \
	done; \
	has config/chart/Chart.yaml image 'ghcr.io/deepcall/deepcall-operator:$(VERSION)'; \
	has config/manager/kustomization.yaml newTag $(VERSION)

.PHONY: verify-reproducible
verify-reproducible: ## Verify that two builds of the released binaries are identical.
	@PLATFORMS="$(PLATFORMS)" hack/with-progress.sh reproducible hack/verify-reproducible.sh

.PHONY: vulncheck
vulncheck: $(GOVULNCHECK) $(INDEXDB) ## Verify that the manager and the plugin call no code with a known vulnerability.
	@VULNDB="$(VULNDB)" hack/with-progress.sh vulncheck hack/vulncheck.sh

##@ Develop

OUT := .
# Copies of the kustomize files that the charts' templates read.
CHART_FILES := config/chart/files config/chart-crds/files
GENERATED := api/v1alpha1/zz_generated.deepcopy.go config/crd/bases config/rbac/role.yaml $(CHART_FILES) \
	config/chart/README.md config/chart-crds/README.md config/argocd/argocd-cm.yaml docs/reference

.PHONY: generate
generate: $(HELM_DOCS) ## Generate deepcopy code, CRDs, the manager's role, the charts' files, Argo CD's patch and docs/reference.
	@$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt crd paths=./api/... \
		output:object:dir="$(OUT)/api/v1alpha1" output:crd:dir="$(OUT)/config/crd/bases"
	@$(CONTROLLER_GEN) rbac:roleName=manager-role paths=./internal/controller/... \
		output:rbac:dir="$(OUT)/config/rbac"
	@cd "$(OUT)" && rm -rf $(CHART_FILES) && mkdir -p config/chart/files/{crds,rbac,prometheus,policies} config/chart-crds/files/crds
	@for chart in chart chart-crds; do cp "$(OUT)"/config/crd/bases/*.yaml "$(OUT)/config/$$chart/files/crds"; done
	@cp config/rbac/*_role.yaml config/rbac/namespaced/*_role.yaml "$(OUT)/config/rbac/role.yaml" "$(OUT)/config/chart/files/rbac"
	@cp config/policies/*_{policy,binding}.yaml "$(OUT)/config/chart/files/policies"
	@cp config/prometheus/{prometheusrule.yaml,dashboard.json} "$(OUT)/config/chart/files/prometheus"
# After an error, helm-docs logs it, prints nothing, and exits with code 0.
	@for chart in chart chart-crds; do \
		$(HELM_DOCS) --chart-search-root="config/$$chart" --sort-values-order=file --dry-run --log-level=warning > "$(OUT)/config/$$chart/README.md"; \
		[[ -s "$(OUT)/config/$$chart/README.md" ]]; \
	done
	@mkdir -p "$(OUT)/config/argocd"
	@hack/generate-argocd-cm.sh > "$(OUT)/config/argocd/argocd-cm.yaml"
	@rm -rf "$(OUT)/docs/reference" && mkdir -p "$(OUT)/docs/reference"
	@hack/with-progress.sh 'generate API reference' $(CRD_REF_DOCS) --source-path=api --renderer=markdown --log-level=WARN \
		--config=hack/reference/crd-ref-docs/config.yaml --templates-dir=hack/reference/crd-ref-docs/templates \
		--output-path="$(OUT)/docs/reference/api.md"
	@hack/with-progress.sh 'generate reference' go run ./hack/reference \
		-out="$(OUT)/docs/reference" -role="$(OUT)/config/rbac/role.yaml"

# Makes docs/dashboard.svg and docs/convergence.svg from runs that take eight and three minutes. PICTURES selects some of them.
PICTURES = incidents convergence
.PHONY: dashboard-picture
dashboard-picture: control-plane build $(PROMETHEUS)
	@for scenario in $(PICTURES); do \
		KUBEBUILDER_ASSETS="$(ASSETS)" CGO_ENABLED=0 go run ./hack/dashboard -scenario="$$scenario"; \
	done

.PHONY: install-hooks
install-hooks: ## Install a git hook that runs hack/pre-commit.sh before each commit.
	@hook=$$(git rev-parse --git-path hooks)/pre-commit; \
	if [[ -e $$hook ]] && ! grep -qF hack/pre-commit.sh "$$hook"; then \
		echo "$$hook already exists: call hack/pre-commit.sh from it" >&2; exit 1; \
	fi; \
	mkdir -p "$${hook%/*}"; \
	printf '%s\n' '#!/bin/sh' '[ ! -x hack/pre-commit.sh ] || exec hack/pre-commit.sh' > "$$hook"; \
	chmod +x "$$hook"; echo "installed $$hook" >&2

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the code.
	@$(GOLANGCI_LINT) fmt ./...

.PHONY: tidy
tidy: ## Run go mod tidy in every module.
	@for module in $$(git ls-files '*go.mod'); do go -C "$$(dirname "$$module")" mod tidy; done

.PHONY: clean
clean: ## Remove bin and dist.
	rm -rf bin dist

$(GOLANGCI_LINT): hack/tools/go.mod hack/tools/go.sum hack/tools/main.go
	@echo 'lint: building golangci-lint from hack/tools (one to two minutes the first time)' >&2
	@mkdir -p bin
	@CGO_ENABLED=0 hack/with-progress.sh 'build golangci-lint' \
		go build -C hack/tools -buildvcs=false -ldflags "-s -w" -o "$(CURDIR)/$@.new" .
	@mv $@.new $@

$(HELM): TOOL := helm.sh/helm/v3/cmd/helm
# Default Kubernetes version of helm template, as in Helm's own releases.
$(HELM): STAMP := -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37
$(HELM_DOCS): TOOL := github.com/norwoodj/helm-docs/cmd/helm-docs
$(KUSTOMIZE): TOOL := sigs.k8s.io/kustomize/kustomize/v5
$(PROMTOOL): TOOL := github.com/prometheus/prometheus/cmd/promtool
$(PROMETHEUS): TOOL := ./prometheus
$(PROMETHEUS): hack/deploy/prometheus/main.go
$(GOVULNCHECK): TOOL := golang.org/x/vuln/cmd/govulncheck
$(INDEXDB): TOOL := golang.org/x/vulndb/cmd/indexdb
# SBOMs contain the hash of this tool, so its bytes must not depend on the machine.
$(CYCLONEDX): export GOFLAGS := -mod=readonly -trimpath
$(CYCLONEDX): TOOL := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
$(HELM) $(HELM_DOCS) $(KUSTOMIZE) $(PROMTOOL) $(PROMETHEUS) $(GOVULNCHECK) $(INDEXDB) $(CYCLONEDX): hack/deploy/go.mod hack/deploy/go.sum
	@echo '$(@F): building from hack/deploy (up to two minutes the first time)' >&2
	@mkdir -p bin
	@CGO_ENABLED=0 hack/with-progress.sh 'build $(@F)' go build -C hack/deploy -buildvcs=false \
		-tags remove_all_sd -ldflags "-s -w $(STAMP)" -o "$(CURDIR)/$@.new" $(TOOL)
	@mv $@.new $@
