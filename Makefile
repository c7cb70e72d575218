# Paddock. `make help` tells what there is; `make run` and `make test` need nothing but what they say they lack.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO        ?= go
BUF       := .tools/buf/node_modules/.bin/buf
TOOL      = $(GO) tool -modfile=internal/tools/$(1)/go.mod
against   ?= HEAD
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS    = -s -w -X github.com/paddock-gate/paddock/internal/version.stamped=$(VERSION)

.PHONY: help
help: ## Tell what there is to make
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build everything and start it on this machine; prints where to go
	bin/paddock dev

.PHONY: build
build: go ui/dist/index.html ## Build bin/paddock: one static binary, with the web page in it
	CGO_ENABLED=0 $(GO) build -v -trimpath -ldflags='$(LDFLAGS)' -o bin/paddock ./cmd/paddock 2>&1 | scripts/progress ./cmd/paddock

.PHONY: release
release: ## Build a release into bin/release, of a clean checkout: make release VERSION=v1.2.3
	@changed=$$(git status --porcelain); \
	[[ -z $$changed ]] || { echo 'a release is built of what is committed, and nothing else:'; echo "$$changed"; exit 1; } >&2
	$(MAKE) --no-print-directory go ui/dist/index.html
	rm -rf bin/release
	RELEASE_KEY='$(RELEASE_KEY)' scripts/release $(VERSION) bin/release

.PHONY: sbom
sbom: build ## Write the bills of materials (CycloneDX) of bin/paddock and of the page in it into bin
	scripts/sbom program bin/paddock $(VERSION) >bin/paddock.cdx.json
	scripts/sbom page $(VERSION) >bin/paddock-page.cdx.json

.PHONY: image
image: image ?= paddock
image: flags ?= --load
image: ## Build the container image paddock:VERSION; needs Docker with buildx
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) docker buildx build --build-arg VERSION=$(VERSION) \
	  --build-arg REVISION=$$(git rev-parse HEAD) --tag $(image):$(VERSION) $(flags) .

.PHONY: ui
ui: ui/node_modules/.package-lock.json ## Build the web page into ui/dist; needs Node.js
	@echo 'building the web page: half a minute' >&2
	@cd ui && npm run --silent build -- --logLevel warn

.PHONY: ui-dev
ui-dev: ui/node_modules/.package-lock.json ## Serve the web page with hot reload against a running server (PADDOCK_URL)
	cd ui && npm run --silent dev

.PHONY: ui-test
ui-test: ui/node_modules/.package-lock.json ## Check and test the web page
	cd ui && npm run --silent lint && npm run --silent test

.PHONY: e2e
e2e: build ## Test the whole program in a real browser (Chromium, which it installs where that is allowed)
	scripts/e2e

.PHONY: test
test: ## Run every test, on the embedded database and on PostgreSQL
	scripts/test

.PHONY: test-ollama
test-ollama: ## Run the Ollama contract and stock clients against a real Ollama with tiny models
	scripts/test-ollama $(flags) ./internal/ollama/ ./internal/upstream/ ./internal/apptest/ ./cmd/paddock/ -run 'Test(Contract|Wire|StockRoutes_AnswersUnchanged)/Ollama|Test(MainJob|StockClients)WithOllama'

.PHONY: soak
soak: ## Run what takes long: the proofs of the ledger and of the audit trail's seal, upgrades from the release before (or PADDOCK_FROM), restarts behind proxies, faults of databases and upstreams, floods, attacks, races of replicas, Atlas
	scripts/soak '$(only)'

.PHONY: seed
seed: build ## Make the first admin and API key in the configured database
	bin/paddock seed

.PHONY: fuzz
fuzz: ## Fuzz each parser for FUZZTIME (1m), one after the other; those that match: make fuzz only=dialect
	@scripts/fuzz '$(only)'

.PHONY: bench
bench: ## Measure what performance promises, each beside its floor
	scripts/bench

.PHONY: load
load: go ## Hold a running server against what is promised under load: make load URL=http://127.0.0.1:8080, with an admin's key in PADDOCK_API_KEY
	@test -n "$(URL)" || { echo 'say which server: make load URL=http://127.0.0.1:8080' >&2; exit 2; }
	@$(GO) build -o bin/load ./internal/tools/load
	@bin/load $(flags) $(URL)

.PHONY: lint
lint: check ## Check style, protos, workflows, generated code, and what it depends on
	$(call TOOL,golangci) golangci-lint run ./...
	$(call TOOL,actionlint) actionlint
	scripts/check-generated
	@$(MAKE) --no-print-directory check-deps

.PHONY: check-deps
check-deps: ## Look for known vulnerabilities in what it depends on, and for licences that are not allowed
	scripts/check-vulnerabilities
	scripts/check-advisories
	scripts/check-licences

.PHONY: check
check: $(BUF) .tools/protovalidate ## What of lint takes seconds: formatting, go vet, protos
	@files=$$($(call TOOL,gofumpt) gofumpt -l cmd ent internal ui/*.go); \
	if [[ -n $$files ]]; then echo "not formatted; make format does it:"; echo "$$files"; exit 1; fi >&2
	$(GO) vet ./...
	$(BUF) lint proto
	$(BUF) format --diff --exit-code proto

.PHONY: format
format: $(BUF) ## Format Go and protos
	$(call TOOL,golangci) golangci-lint fmt
	$(BUF) format -w proto

.PHONY: generate
generate: $(BUF) .tools/protovalidate .tools/googleapis ## Generate code from the protos and the database schema
	$(BUF) generate
	$(BUF) generate --template ui/buf.gen.yaml
	$(GO) run ./internal/tools/apidoc internal/gen/openapi/openapi.json
	$(GO) generate ./ent

.PHONY: breaking
breaking: $(BUF) .tools/protovalidate ## Fail when the protos break clients of the last commit, or of another: against=COMMIT
	rm -rf .tools/breaking
	mkdir -p .tools/breaking/.tools
	git archive $(against) buf.yaml proto | tar -x -C .tools/breaking
	cp -R .tools/protovalidate .tools/breaking/.tools/ # git does not have it
	$(BUF) breaking proto --against .tools/breaking/proto

.PHONY: migration
migration: ## Write migrations of a changed schema: make migration name=what_changed [needs=VERSION]
	@test -n "$(name)" || { echo 'say what changed: make migration name=add_user_phone' >&2; exit 2; }
	$(GO) run ./internal/tools/migration -name $(name) -needs '$(needs)'

.PHONY: lint-migrations
lint-migrations: ## Hold migrations that a commit lacks to the rules in atlas.hcl: make lint-migrations against=origin/main
	$(GO) run ./internal/tools/migration -lint $(against)

.PHONY: clean
clean: ## Remove what was built and fetched
	rm -rf bin .tools ui/node_modules internal/clients/*/node_modules internal/clients/agents/*/node_modules
	find ui/dist -mindepth 1 ! -name .gitkeep -delete

.PHONY: go
go:
	@scripts/need 'make build' $(GO)

# What the web page is made of.
UI_FILES := $(shell find ui \( -name node_modules -o -name dist -o -name e2e -o -name test-results \) -prune -o -type f ! -name '*.go' ! -name '*.test.*' ! -name '*.md' ! -name 'playwright.*' -print)

ui/dist/index.html: $(UI_FILES)
	@if scripts/need 'the web page' npm; then $(MAKE) --no-print-directory ui; \
	else echo 'bin/paddock is built without the page' >&2; fi

ui/node_modules/.package-lock.json: ui/package-lock.json
	@echo 'fetching what the web page is built with, some 500 MB: a minute or so, once' >&2
	@cd ui && npm ci --no-fund --no-audit

# buf and the TypeScript plugin come from npm, pinned.
$(BUF):
	@scripts/need 'buf, which checks and generates code from the protos,' npm
	npm install --prefix .tools/buf --no-save --ignore-scripts --no-fund --no-audit @bufbuild/buf@1.74.0 @bufbuild/protoc-gen-es@2.13.0

# buf/validate/validate.proto comes from the Go module that ships it; the same that protovalidate links.
.tools/protovalidate:
	mkdir -p $@/buf/validate
	dir=$$($(GO) mod download -json github.com/bufbuild/protovalidate@v1.2.2 | sed -n 's/.*"Dir": "\(.*\)",/\1/p'); \
	install -m 644 "$$dir/proto/protovalidate/buf/validate/validate.proto" $@/buf/validate/

# google/rpc/error_details.proto, for the web page, from a Go module that ships it.
.tools/googleapis:
	mkdir -p $@/google/rpc
	dir=$$($(GO) mod download -json github.com/gogo/googleapis@v1.4.1 | sed -n 's/.*"Dir": "\(.*\)",/\1/p'); \
	install -m 644 "$$dir/google/rpc/error_details.proto" $@/google/rpc/
