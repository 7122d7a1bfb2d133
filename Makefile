SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Flags for the manager or the bench: make run ARGS=--allow-insecure-endpoints
ARGS ?=
# KEEP=1 leaves what the demo started running.
KEEP ?=
# The race detector: on, off, or auto, which is on if there is a C compiler.
RACE ?= auto
# More flags for go test: make test TESTFLAGS='-run Conflict -v'
TESTFLAGS ?=
# The image that is deployed; default: the one that config/manager names.
IMG ?=
# The kubectl that installs, into its current cluster.
KUBECTL ?= kubectl
# FORCE=1 uninstalls though mappings are left.
FORCE ?=
# The platforms of the image.
PLATFORMS ?= linux/amd64,linux/arm64
# What the build says of itself, in --version and the metric deepcall_build_info.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# The vulnerabilities that vulncheck knows: pinned, or the address of a newer database.
VULNDB ?= pinned
# How long make soak takes, and what it draws: make soak LENGTH=1h SEED=7
LENGTH ?= 10m
SEED ?= 1
# The mutants that are tried; default: all of hack/mutants.
MUTANTS ?=
# The packages that make test tests; default: all. Long tests carry the build tag "long".
PACKAGES ?=

ASSETS := $(CURDIR)/bin/k8s
# A busy machine takes its time to start an API server.
export KUBEBUILDER_CONTROLPLANE_START_TIMEOUT ?= 3m
GOLANGCI_LINT := bin/golangci-lint
CONTROLLER_GEN := go tool controller-gen
CRD_REF_DOCS := go tool -modfile=hack/reference/crd-ref-docs/go.mod crd-ref-docs
# What hack/deploy pins: they install, watch and check the operator.
HELM := bin/helm
KUSTOMIZE := bin/kustomize
PROMTOOL := bin/promtool
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
		if [[ $$line =~ ^([A-Z_]+)\ \?= ]]; then variables+=("$$(printf '  %-20s%s' "$${BASH_REMATCH[1]}" "$$comment")"); fi; \
	done < Makefile; \
	printf '\nVariables\n'; printf '%s\n' "$${variables[@]}"

.PHONY: demo
demo: control-plane build ## Show it all on an empty machine: control plane, DeepCall simulator, manager, a narrated run.
	@KEEP="$(KEEP)" hack/demo.sh

.PHONY: playground
playground: control-plane build ## Start the same and leave it running, for you to type kubectl yourself: docs/tutorial.md.
	@hack/demo.sh playground

.PHONY: run
run: ## Run the manager against the current kubeconfig, with the flags in ARGS.
	go run ./cmd $(ARGS)

.PHONY: build
build: ## Build bin/manager, bin/simulator and bin/kubectl-deepcall.
	@VERSION="$(VERSION)" REVISION="$(REVISION)" hack/alive.sh build hack/build.sh bin/manager
	@hack/alive.sh build env CGO_ENABLED=0 go build -trimpath -o bin/simulator ./test/simulator
	@hack/alive.sh build env CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)" \
		-o bin/kubectl-deepcall ./cmd/kubectl-deepcall

##@ Test

.PHONY: test
test: control-plane $(HELM) $(KUSTOMIZE) $(PROMTOOL) ## Run every test but the long ones.
	@hack/controller-manager.sh
	@KUBEBUILDER_ASSETS="$(ASSETS)" RACE=$(RACE) hack/go-test.sh $(TESTFLAGS) \
		$(or $(PACKAGES),$$(go list ./... | grep -v /test/reliability))
	@$(if $(PACKAGES),,$(MAKE) --no-print-directory reliability)

.PHONY: test-long
test-long: control-plane ## Run the long tests: 50 failovers, 10,000 mappings; about half an hour.
	@KUBEBUILDER_ASSETS="$(ASSETS)" RACE=off hack/go-test.sh -tags=long -timeout=90m $(TESTFLAGS) \
		./internal/controller ./test/e2e -ginkgo.focus='50 times|large scale' -ginkgo.v

.PHONY: reliability
reliability: control-plane ## Run the part of `make test` that perturbs the operator, a sample of what `make sweep` runs.
	@KUBEBUILDER_ASSETS="$(ASSETS)" RACE=$(RACE) hack/go-test.sh -timeout=40m -p=1 $(TESTFLAGS) ./test/reliability/...

.PHONY: sweep
sweep: control-plane ## Run every perturbation of the manager, ten minutes of stories, and a year; about an hour.
	@KUBEBUILDER_ASSETS="$(ASSETS)" RACE=off hack/go-test.sh -v -timeout=120m -p=1 -run='Sweep|Generated|Year' $(TESTFLAGS) \
		./test/reliability ./test/reliability/year -sweep=full

.PHONY: soak
soak: control-plane ## Edit for LENGTH while the manager, the API server and DeepCall fail, as SEED draws it.
	@KUBEBUILDER_ASSETS="$(ASSETS)" RACE=off hack/go-test.sh -v -tags=long -timeout=0 -run=TestSoak $(TESTFLAGS) \
		./test/reliability -length=$(LENGTH) -seed=$(SEED)

.PHONY: bench
bench: control-plane build ## Measure the operator against the floor; about a quarter of an hour. ARGS=--help tells what else.
	@KUBEBUILDER_ASSETS="$(ASSETS)" CGO_ENABLED=0 go run ./test/scale $(ARGS)

.PHONY: mutants
mutants: control-plane ## Put in deliberate defects one at a time, and fail if the suite does not notice one; about half an hour.
	@KUBEBUILDER_ASSETS="$(ASSETS)" hack/mutants.sh $(MUTANTS)

# How long each target is fuzzed.
FUZZTIME ?= 30s

# On a busy machine Go calls the mere end of that time a failure (context deadline exceeded). A true failure leaves its
# input in testdata/fuzz, and fails with that again.
.PHONY: fuzz
fuzz: ## Fuzz each of the fuzz targets for FUZZTIME; what fails is kept in testdata/fuzz beside it.
	@grep -Eo '^func Fuzz[A-Za-z0-9]+' internal/*/*_test.go cmd/*/internal/*/*_test.go | while IFS=: read -r file func; do \
		go test "./$${file%/*}" -run='^$$' -fuzz="^$${func#func }$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=10x || \
			go test -count=1 "./$${file%/*}" -run="^$${func#func }$$"; \
	done

.PHONY: test-unit
test-unit: ## Run the tests that need no control plane.
	@RACE=$(RACE) hack/go-test.sh $(TESTFLAGS) ./cmd/... ./test/docs \
		./internal/account/... ./internal/deepcall/... ./internal/reason ./internal/metrics/... ./internal/plan/...

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

##@ Install

INSTALLER = $(KUSTOMIZE) build config/default $(if $(IMG),| sed 's|image: ghcr.io/deepcall/deepcall-operator:.*|image: $(IMG)|')

.PHONY: install
install: $(KUSTOMIZE) ## Install the CRDs into the current cluster.
	@$(KUSTOMIZE) build config/crd | $(KUBECTL) apply -f -

.PHONY: uninstall
uninstall: $(KUSTOMIZE) no-mappings ## Remove the CRDs, and with them all accounts, unless mappings are left.
	@$(KUSTOMIZE) build config/crd | $(KUBECTL) delete --ignore-not-found $(if $(FORCE),--wait=false) -f -

.PHONY: deploy
deploy: $(KUSTOMIZE) ## Install all: CRDs, rights and the manager, with the image IMG.
	@$(INSTALLER) | $(KUBECTL) apply -f -

.PHONY: undeploy
undeploy: $(KUSTOMIZE) no-mappings ## Remove what deploy installed, unless mappings are left.
	@$(INSTALLER) | $(KUBECTL) delete --ignore-not-found $(if $(FORCE),--wait=false) -f -

.PHONY: build-installer
build-installer: $(KUSTOMIZE) ## Write all that deploy installs into dist/install.yaml.
	@mkdir -p dist
	@$(INSTALLER) > dist/install.yaml
	@echo 'wrote dist/install.yaml' >&2

# What is left would wait, and keep its CRD from going, since nobody is there to tell DeepCall, or to take the
# finalizer off an account, which the operator does half a second after the account's last mapping went.
.PHONY: no-mappings
no-mappings:
	@left() { \
		local crd; crd=$$($(KUBECTL) get crd "$$1.telephony.deepcall.com" --ignore-not-found --output=name); \
		if [[ -n $$crd ]]; then $(KUBECTL) get "$$1.telephony.deepcall.com" --all-namespaces "$${@:2}"; fi; \
	}; \
	refuse() { \
		printf '%s\n' "$$@" >&2; \
		if [[ -z "$(FORCE)" ]]; then echo 'FORCE=1 leaves them waiting.' >&2; exit 1; fi; \
	}; \
	mappings=$$(left agentgroupmappings); \
	if [[ -n $$mappings ]]; then \
		refuse "$$mappings" 'These mappings wait for the operator, which tells DeepCall before they go.' \
			'Delete them while it runs: docs/install-kustomize.md tells how.'; \
	fi; \
	columns=NAMESPACE:.metadata.namespace,NAME:.metadata.name,FINALIZERS:.metadata.finalizers; \
	for try in {1..10}; do \
		accounts=$$(left deepcallaccounts --output=custom-columns="$$columns"); \
		if [[ $$accounts != *telephony.deepcall.com/in-use* ]]; then exit 0; fi; \
		if [[ -n "$(FORCE)" ]]; then break; fi; \
		sleep 1; \
	done; \
	refuse "$$accounts" 'Accounts with the finalizer telephony.deepcall.com/in-use wait for the operator, which takes it off.' \
		'See that it runs, or take it off yourself: docs/install-kustomize.md tells how.'

##@ Release

.PHONY: docker-build
docker-build: ## Build the image for this machine's platform, as IMG.
	docker buildx build --load $(IMAGE_ARGS) .

.PHONY: docker-push
docker-push: ## Build the image for all PLATFORMS, with SBOM and provenance, and push it as IMG.
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) docker buildx build --push --platform $(PLATFORMS) --sbom=true --provenance=mode=max $(IMAGE_ARGS) .

IMAGE_ARGS = --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --tag $(or $(IMG),$(DEFAULT_IMG))
DEFAULT_IMG := ghcr.io/deepcall/deepcall-operator:$(VERSION)

.PHONY: plugin-archives
plugin-archives: ## Write into dist/krew the archives of kubectl deepcall for all platforms, and its krew manifest.
	@VERSION="$(VERSION)" REVISION="$(REVISION)" hack/alive.sh plugin config/krew/archives.sh dist/krew

.PHONY: check-version
check-version: ## Fail if chart and manifests name another version than VERSION.
	@named() { grep -qE "^ *$$2: \"?$$3\"?$$" "$$1" || { echo "$$1: $$2 is not $$3" >&2; return 1; }; }; \
	named config/chart/Chart.yaml version $(VERSION:v%=%); \
	named config/chart/Chart.yaml appVersion $(VERSION); \
	named config/manager/kustomization.yaml newTag $(VERSION)

.PHONY: check-reproducible
check-reproducible: ## Fail if two builds of what is released differ in a byte.
	@PLATFORMS="$(PLATFORMS)" hack/alive.sh reproducible hack/check-reproducible.sh

.PHONY: vulncheck
vulncheck: $(GOVULNCHECK) $(INDEXDB) ## Fail if the manager or the plugin, built with the Go of the image, calls code with a known vulnerability.
	@VULNDB="$(VULNDB)" hack/alive.sh vulncheck hack/vulncheck.sh

.PHONY: sbom
sbom: $(CYCLONEDX) ## Write into dist, for each of PLATFORMS, the manager, the plugin, and the list of the modules in each.
	@for platform in $$(tr , ' ' <<<'$(PLATFORMS)'); do \
		for program in manager kubectl-deepcall; do \
			package=./cmd; if [[ $$program != manager ]]; then package=./cmd/$$program; fi; \
			built=dist/$$program-$${platform/\//-}; \
			GOOS=$${platform%/*} GOARCH=$${platform#*/} VERSION="$(VERSION)" REVISION="$(REVISION)" hack/build.sh "$$built" "$$package"; \
			$(CYCLONEDX) bin -json -licenses -version "$(VERSION)" -output "$$built.cdx.json" "$$built"; \
		done; \
	done

##@ Develop

OUT := .
# What the chart has in common with kustomize; its templates read it.
CHART_FILES := config/chart/files
GENERATED := api/v1alpha1/zz_generated.deepcopy.go config/crd/bases config/rbac/role.yaml $(CHART_FILES) \
	config/argocd/argocd-cm.yaml docs/reference

.PHONY: generate
generate: ## Generate deepcopy code, CRDs and the manager's role from the markers in the code; copy them to the chart; and Argo CD's patch and docs/reference.
	@$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt crd paths=./api/... \
		output:object:dir="$(OUT)/api/v1alpha1" output:crd:dir="$(OUT)/config/crd/bases"
	@$(CONTROLLER_GEN) rbac:roleName=manager-role paths=./internal/controller/... \
		output:rbac:dir="$(OUT)/config/rbac"
	@rm -rf "$(OUT)/$(CHART_FILES)" && mkdir -p "$(OUT)/$(CHART_FILES)"/{crds,rbac,prometheus}
	@cp "$(OUT)"/config/crd/bases/*.yaml "$(OUT)/$(CHART_FILES)/crds"
	@cp config/rbac/*_role.yaml config/rbac/namespaced/*_role.yaml "$(OUT)/config/rbac/role.yaml" "$(OUT)/$(CHART_FILES)/rbac"
	@cp config/prometheus/{prometheusrule.yaml,dashboard.json} "$(OUT)/$(CHART_FILES)/prometheus"
	@mkdir -p "$(OUT)/config/argocd"
	@hack/argocd-cm.sh > "$(OUT)/config/argocd/argocd-cm.yaml"
	@rm -rf "$(OUT)/docs/reference" && mkdir -p "$(OUT)/docs/reference"
	@hack/alive.sh 'generating the reference of the API' $(CRD_REF_DOCS) --source-path=api --renderer=markdown --log-level=WARN \
		--config=hack/reference/crd-ref-docs/config.yaml --templates-dir=hack/reference/crd-ref-docs/templates \
		--output-path="$(OUT)/docs/reference/api.md"
	@hack/alive.sh 'generating the reference' go run ./hack/reference \
		-out="$(OUT)/docs/reference" -role="$(OUT)/config/rbac/role.yaml"

.PHONY: hooks
hooks: ## Have git run the quick checks of CI (hack/pre-commit.sh) before each commit.
	@hook=$$(git rev-parse --git-path hooks)/pre-commit; \
	if [[ -e $$hook ]] && ! grep -qF hack/pre-commit.sh "$$hook"; then \
		echo "$$hook is there already: call hack/pre-commit.sh from it" >&2; exit 1; \
	fi; \
	mkdir -p "$${hook%/*}"; \
	printf '%s\n' '#!/bin/sh' '[ ! -x hack/pre-commit.sh ] || exec hack/pre-commit.sh' > "$$hook"; \
	chmod +x "$$hook"; echo "installed $$hook" >&2

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the code.
	@$(GOLANGCI_LINT) fmt ./...

.PHONY: tidy
tidy: ## Tidy go.mod of every module here.
	go mod tidy
	cd hack/controlplane && go mod tidy
	cd hack/deploy && go mod tidy
	cd hack/monitoring && go mod tidy
	cd hack/reference/crd-ref-docs && go mod tidy
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
# Which Kubernetes helm template takes the cluster for, as Helm's own releases know it.
$(HELM): STAMP := -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37
$(KUSTOMIZE): TOOL := sigs.k8s.io/kustomize/kustomize/v5
$(PROMTOOL): TOOL := github.com/prometheus/prometheus/cmd/promtool
$(GOVULNCHECK): TOOL := golang.org/x/vuln/cmd/govulncheck
$(INDEXDB): TOOL := golang.org/x/vulndb/cmd/indexdb
$(CYCLONEDX): TOOL := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
$(HELM) $(KUSTOMIZE) $(PROMTOOL) $(GOVULNCHECK) $(INDEXDB) $(CYCLONEDX): hack/deploy/go.mod hack/deploy/go.sum
	@echo '$(@F): building it from hack/deploy: up to two minutes on two cores the first time' >&2
	@mkdir -p bin
	@CGO_ENABLED=0 hack/alive.sh 'building $(@F)' go build -C hack/deploy -trimpath -buildvcs=false \
		-tags remove_all_sd -ldflags "-s -w $(STAMP)" -o "$(CURDIR)/$@.new" $(TOOL)
	@mv $@.new $@
