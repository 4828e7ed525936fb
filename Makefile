# make demo    shows real Traefik refusing one tenant's attacks on another
# make test    runs everything
# make traefik builds the Traefik of the tests and prints where it is
# make bench   prints what the guard costs, beside what the same costs without it
# make compat  runs the end-to-end tests on the newest Traefik 3.6 and 3.7
# make fuzz    looks for inputs that break the plugin's readers, a minute for each
# make soak    has everything happen at once for ten minutes, each verdict beside a reference
# make mutate  changes the code in small ways and lists the changes that no test notices
# make command builds the command tenantguard into .cache and prints where it is
# make tidy    brings the go.mod of the command up to date
#
# Each of demo, test, e2e and traefik takes TRAEFIK=/path/to/traefik, one that is there (3.6 or later),
# or a release to be built, such as TRAEFIK=v3.6.25. Without it, the first one builds Traefik for some
# five minutes. TRAEFIK_GO=go1.27.3 builds it with that Go.

SHELL := /bin/bash
CACHE := $(CURDIR)/.cache
# The packages of the plugin: what the interpreter runs. internal/admission is no part of it.
PLUGIN := . $(filter-out internal/admission/,$(sort $(dir $(wildcard internal/*/*_test.go))))
YAEGI := github.com/traefik/yaegi/cmd/yaegi
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GREMLINS := github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
# What make mutate changes: make mutate ROOMS=internal/hosts takes one of them.
ROOMS := $(filter-out internal/vectors internal/admission,$(wildcard internal/*))
# The packages with fuzz targets, and how long each target takes.
FUZZED := $(sort $(patsubst %/,%,$(dir $(shell grep -l '^func Fuzz' internal/*/*_test.go))))
FUZZ := 1m
# How long a real Traefik is soaked.
SOAK := 10m
# A Go that says which certificate was served on a connection, and what is tested on it as well.
NEXT_GO := go1.27.3
NEXT_TRAEFIK := $(if $(TRAEFIK)$(TRAEFIK_GO),,next-traefik)
ON_NEXT_GO := ^Test(Certificate|Connection|Forged|Front|Hijack|Observe|Renewal|Resumed|Unobservable)

.PHONY: demo test bench compat lint unit interpreted e2e next next-traefik builds traefik cluster \
	fuzz fuzz-short soak columns mutate command tidy

demo:
	cd e2e && go run ./demo

test: builds lint unit fuzz-short interpreted e2e next

# One static binary.
command:
	@cd cmd/tenantguard && CGO_ENABLED=0 go build -trimpath -o $(CACHE)/tenantguard . && \
		echo $(CACHE)/tenantguard

# The command's go.mod has no replacement, or go install would refuse it. So go mod tidy, which looks
# at no go.work, needs one meanwhile. The versions are those of the workspace: what go install builds
# is what the tests run.
PLUGIN_MODULE := github.com/tenantguard/tenantguard
OF_WORKSPACE := {{with .Module}}{{with .Version}}{{$$.Module.Path}}@{{.}}{{end}}{{end}}
tidy:
	cd cmd/tenantguard && \
		versions=$$(go list -deps -test -f '$(OF_WORKSPACE)' ./... | sort -u) && \
		go mod edit -replace $(PLUGIN_MODULE)=../.. && \
		{ GOWORK=off go get $$versions && GOWORK=off go mod tidy; done=$$?; \
		go mod edit -dropreplace $(PLUGIN_MODULE) -require $(PLUGIN_MODULE)@v0.1.0; exit $$done; }

# Not part of make test: figures from a busy machine prove nothing. BENCH="-rows 2,3" prints some of
# them, BENCH="-scale 0.1" takes less time.
bench: traefik next-traefik
	cd e2e && go run ./bench -go $(NEXT_GO) $(BENCH)

# Builds Traefik once more for each release; make e2e TRAEFIK=v3.6.25 runs one of them.
compat: cluster
	cd e2e && go run ./compat

lint: columns
	@echo "== format, vet, staticcheck"
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	for module in . cmd/tenantguard e2e; do ( cd $$module && go vet ./... ) || exit 1; done
	for module in . cmd/tenantguard e2e; do \
		( cd $$module && go run $(STATICCHECK) ./... ) || exit 1; \
	done

unit:
	@echo "== unit tests, compiled"
	go test -race ./...
	cd cmd/tenantguard && go test -race ./...

# yaegi finds packages by GOPATH only.
interpreted:
	@echo "== unit tests, interpreted by yaegi"
	@cd e2e && go build -o $(CACHE)/yaegi $(YAEGI)
	@gopath=$$(mktemp -d) && trap 'rm -rf "$$gopath"' EXIT && \
	parent=$$gopath/src/github.com/tenantguard && mkdir -p "$$parent" && \
	ln -s $(CURDIR) "$$parent/tenantguard" && cd "$$parent/tenantguard" && \
	for package in $(PLUGIN); do \
		echo "yaegi test $$package"; \
		( cd $$package && GOPATH=$$gopath $(CACHE)/yaegi test -v . ) > $$gopath/log 2>&1 && \
			! grep -E '^\s*--- FAIL|^panic' $$gopath/log || { cat $$gopath/log; exit 1; }; \
		grep -c -E '^\s*--- PASS' $$gopath/log | sed 's/$$/ passed/'; \
	done

traefik:
	@cd e2e && go run ./traefik/build

# Each of them waits for downloads, while the others compile.
builds:
	@$(MAKE) --no-print-directory -j3 traefik cluster $(NEXT_TRAEFIK)

cluster:
	@cd e2e && go run ./cluster/build > /dev/null

e2e: traefik cluster
	@echo "== end to end, on real Traefik"
	cd e2e && go test -race -count=1 -p 1 -timeout 30m $$(go list ./... | grep -v -e /loader -e /kubernetes -e /estate)
	@# Only a package that is run by itself shows what it prints: what comes of each attack and of each fault,
	@# and of each step of a roll-out.
	cd e2e/kubernetes && go test -race -count=1 -timeout 30m
	cd e2e/estate && go test -race -count=1 -timeout 30m
	cd e2e/command/kubernetes && go test -race -count=1 -timeout 30m
	@# In one process with the race detector Yaegi is found to race with itself.
	cd e2e && go test -count=1 ./loader/...

next-traefik:
	@cd e2e && TRAEFIK_GO=$(NEXT_GO) go run ./traefik/build

# What depends on the certificates that are served, on the next Go. A Traefik that is there is built
# with one Go.
next: $(NEXT_TRAEFIK)
	@echo "== on $(NEXT_GO)"
	GOTOOLCHAIN=$(NEXT_GO) go test ./...
	cd e2e && GOTOOLCHAIN=$(NEXT_GO) go test -count=1 ./loader/...
ifneq ($(NEXT_TRAEFIK),)
	cd e2e && TRAEFIK_GO=$(NEXT_GO) go test -race -count=1 -timeout 30m -run '$(ON_NEXT_GO)' .
	cd e2e && TRAEFIK_GO=$(NEXT_GO) go run ./demo
endif

# Not part of make test: it takes a quarter of an hour and more, and is read, not passed. Gremlins
# changes operators and runs the room's own tests; mutate takes pieces out and runs the vectors too.
mutate:
	@for room in $(ROOMS); do \
		echo "== operators in $$room"; \
		GOWORK=off go run $(GREMLINS) unleash ./$$room --exclude-files / \
			--invert-logical --invert-loopctrl --invert-assignments --remove-self-assignments \
			--workers 2 --timeout-coefficient 10 --output-statuses lct || exit 1; \
	done
	@echo "== pieces taken out"
	@cd e2e && go run ./mutate $(ROOMS)

# Comments and code alike have at most 100 columns.
columns:
	@cd e2e && go run ./columns ..

# In make test it takes seconds. The race detector sees nothing of what is interpreted, hence the
# plugin itself as well.
soak: traefik
	cd e2e && go test -race -count=1 -timeout 0 -v ./soak -run Compiled -duration 2m
	cd e2e && go test -race -count=1 -timeout 0 -v ./soak -run Traefik -duration $(SOAK)
	cd e2e && go test -race -count=15 -timeout 0 -run 'UnderLoad$$' .

# Findings are kept in testdata/fuzz of the package, and are tried by its tests from then on.
# FUZZ=1h takes an hour for each target, FUZZ=1000000x so many executions.
fuzz:
	@for package in $(FUZZED); do \
		for target in $$(go test -list '^Fuzz' ./$$package | grep '^Fuzz'); do \
			echo "== $$package $$target"; \
			go test ./$$package -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) || exit 1; \
		done; \
	done

# Of test: enough to see that each target works and finds nothing at once.
fuzz-short:
	@$(MAKE) --no-print-directory fuzz FUZZ=2000x
