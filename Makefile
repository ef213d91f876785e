# Every target sets up what it needs, on a fresh Debian machine too: see tests/tools/setup.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# `make test` ends with what takes longest, so that a slip is seen early. A comma joins stages that run side by side.
CHECK := lint,sanity,units
TEST := $(CHECK) units-others,sanity-newest,execution-environment vm,soak-short,budget,scale hermes-short,monitoring faults molecule

GUARD_SOURCES := $(wildcard plugins/module_utils/*/*.py)

comma := ,
.PHONY: help setup setup-every setup-monitoring demo test check $(subst $(comma), ,$(TEST)) bench soak hostile-hour hermes allocator docs release lab lab-down lock manual clean

help: ## this list
	@sed -n 's/^\([a-z/-]*\):.*## /\1\t/p' Makefile | expand -t 20

demo: ## a small fleet of real gateways, protected by the site playbook: one breach while people talk, one leak, and a report page
	@set -o pipefail; . tests/tools/never_silent.sh; never_silent 'setting up this machine' tests/tools/setup
	@tests/tools/demo

test: setup-every ## everything: check, the other Pythons, the newest ansible-core, a soak, a virtual machine, every fault and molecule scenario
	@tests/tools/stages $(TEST)

check: setup-every ## the quick part of test: lint, units, sanity
	@tests/tools/stages $(CHECK)

lint: setup-monitoring ## ansible-lint (profile production), ruff, shellcheck, documentation, changelog
	@tests/tools/lint

docs: setup ## the documentation site, in .build/docs/html: pages, modules, roles and filters
	@tests/tools/docs

units: setup-every ## unit tests, on the Python of this machine
	@tests/tools/units first

units-others: setup-every ## the same on the newest ansible-core; those of what runs on a managed host on every older Python at hand, 3.8 first
	@tests/tools/units others

sanity: setup ## ansible-test sanity, without an ignore file
	@tests/tools/sanity .venv

sanity-newest: setup-every ## the same on the newest ansible-core, where its Python is at hand
	@tests/tools/sanity .venv-newest

budget: setup ## task results and remote modules of the site playbook on a host; fails above the budget
	@python3 tests/bench/budget.py

bench: setup ## how fast it is, beside others: tables and JSON in .build/bench; ARGS="guard" or ARGS="converge --hosts 1 10" for a part
	@python3 tests/bench/bench.py $(ARGS)

execution-environment: setup ## what ansible-builder makes of meta/execution-environment.yml, without an engine
	@tests/tools/execution-environment

scale: setup ## beyond one controller, on the lab: ansible-runner in slices, ansible-pull from a timer
	@tests/bench/scale

molecule: setup ## every scenario in extensions/molecule
	@tests/tools/molecule

soak: setup ## 1,000 messages through a real gateway with 10 restarts, by the arbiter, systemctl restart, reload, and none: an hour; ARGS="--hermes 0.22.2" for that release
	@tests/tools/soak --how all --messages 1000 --restarts 10 --rate 2 --wait-idle 40s $(ARGS)

soak-short: setup ## 100 messages and 2 restarts by the arbiter: nothing lost, nothing answered twice
	@tests/tools/soak --messages 100 --restarts 2

allocator: setup ## by how much a gateway grows, with and without hermes_session and hermes_allocator: 80 minutes; ARGS="--scale medium" 45; ARGS="--hermes 0.22.2" for that release
	@tests/tools/allocator $(ARGS)

faults: setup ## what goes wrong on a host, on real gateways: a table of faults and what held, also in .build/faults.md; ARGS="-k kill" for a part
	@tests/tools/faults $(ARGS)

hostile-hour: setup ## 50 gateways of five users, one of whom does all that a user can for an hour: the others have every sample
	@tests/tools/faults -k hostile_many --minutes 60 $(ARGS)

hermes: setup ## every release of Hermes in every way to install it: a table of what holds, also in .build/hermes.md; VERSIONS="0.22.2 ..." WAYS="system user ..." for a part
	@tests/tools/hermes $(ARGS)

hermes-short: setup ## the same for three releases in the main ways
	@tests/tools/hermes --versions "0.17.0 0.19.0 0.22.2" --ways "system shell multi source" --patience 45 --short --deselect tests/hermes/test_upgrade.py $(ARGS)

monitoring: setup-monitoring ## a gateway grows; Prometheus, Alertmanager and ansible-rulebook see it, and the arbiter restarts it: tables of steps and of hostile alerts
	@tests/tools/monitoring $(ARGS)

vm: setup ## the kernel's OOM killer on a virtual machine, and the watchdog before it
	@tests/tools/vm

lab: setup ## start the lab: four small VPSes, three of them with real gateways
	@tests/lab/lab up

lab-down: setup ## remove the lab
	@tests/lab/lab down

manual: setup ## man page and shell completions of hermes-guard, which the role installs: before a release is built
	@tests/tools/manual

release: setup ## the tarball of a release in .build/release, checked by galaxy-importer and run with the oldest and the newest ansible-core
	@tests/tools/release

build/hermes-guard: $(GUARD_SOURCES) ## the on-host program as one file
	@tests/tools/link
	@mkdir -p build
	PYTHONPATH=.build/collections python3 -m ansible_collections.hermes_ops.gateway.plugins.module_utils._install.program $@

setup: ## system packages, Python environments, the collection's import path
	@tests/tools/setup

setup-every:
	@tests/tools/setup every

setup-monitoring:
	@tests/tools/setup monitoring

lock: setup ## renew the lock files from pyproject.toml
	@tests/tools/lock

clean: ## remove what make made, but for the lab (`make lab-down`)
	rm -rf .build build .venv .venv-* .ansible roles/hermes_guard/files .hypothesis tests/output
