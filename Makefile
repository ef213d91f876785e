# Every target sets up what it needs, on a fresh Debian machine too: see tests/tools/setup.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# `make test` runs the longest stages last, so that a mistake shows early. A comma joins stages that run in parallel.
CHECK := lint,sanity,units
TEST := $(CHECK) units-others,sanity-newest,execution-environment vm,soak-short,budget,scale hermes-short,molecule faults,monitoring

GUARD_SOURCES := $(wildcard plugins/module_utils/*/*.py)

comma := ,
.PHONY: help setup setup-every setup-monitoring demo test check $(subst $(comma), ,$(TEST)) bench soak hostile-hour hermes allocator docs release lab lab-down lock manual clean

help: ## show this list
	@sed -n 's/^\([a-z/-]*\):.*## /\1\t/p' Makefile | expand -t 20

demo: ## run a small fleet of real gateways, protected by the site playbook: one breach during conversations, one leak, and a report page
	@set -o pipefail; . tests/tools/never_silent.sh; never_silent 'setting up this machine' tests/tools/setup
	@tests/tools/demo

test: setup-every ## run everything: check, the other Pythons, the newest ansible-core, a soak, a virtual machine, every fault and molecule scenario
	@tests/tools/stages $(TEST)

check: setup-every ## run the quick part of test: lint, units, sanity
	@tests/tools/stages $(CHECK)

lint: setup-monitoring ## run ansible-lint (profile production), ruff, shellcheck, and the checks of documentation and changelog
	@tests/tools/lint

docs: setup ## build the documentation site in .build/docs/html: pages, modules, roles and filters
	@tests/tools/docs

units: setup-every ## run the unit tests on the Python of this machine
	@tests/tools/units first

units-others: setup-every ## run them on the newest ansible-core; those of code for managed hosts on Python 3.8, 3.9 and 3.10, if installed
	@tests/tools/units others

sanity: setup ## run ansible-test sanity, without an ignore file
	@tests/tools/sanity .venv

sanity-newest: setup-every ## run ansible-test sanity on the newest ansible-core, if its Python is installed
	@tests/tools/sanity .venv-newest

budget: setup ## count task results and remote modules of the site playbook on a host; fails above the budget
	@python3 tests/bench/budget.py

bench: setup ## measure the speed, also of other tools: tables and JSON in .build/bench; ARGS="guard" or ARGS="converge --hosts 1 10" for a part
	@python3 tests/bench/bench.py $(ARGS)

execution-environment: setup ## check meta/execution-environment.yml with ansible-builder, without a container engine
	@tests/tools/execution-environment

scale: setup ## run the collection in other ways on the lab: ansible-runner in slices, ansible-pull from a timer
	@tests/bench/scale

molecule: setup ## run every scenario in extensions/molecule
	@tests/tools/molecule

soak: setup ## send 1,000 messages through a real gateway with 10 restarts, by the arbiter, systemctl restart and reload, and without: an hour; ARGS="--hermes 0.22.2" for that release
	@tests/tools/soak --how all --messages 1000 --restarts 10 --rate 2 --wait-idle 40s $(ARGS)

soak-short: setup ## send 100 messages with 2 restarts by the arbiter: none may be lost or answered twice
	@tests/tools/soak --messages 100 --restarts 2

allocator: setup ## measure how much a gateway grows, with and without hermes_session and hermes_allocator: 80 minutes, or 45 with ARGS="--scale medium"; ARGS="--hermes 0.22.2" for that release
	@tests/tools/allocator $(ARGS)

faults: setup ## inject faults into hosts with real gateways: a table of faults and results, also in .build/faults.md; ARGS="-k kill" for a part
	@tests/tools/faults $(ARGS)

hostile-hour: setup ## run 50 gateways of five users, one of them hostile, for an hour: the others must lose no sample
	@tests/tools/faults -k hostile_many --minutes 60 $(ARGS)

hermes: setup ## test every release of Hermes in every way of installation: a table of results, also in .build/hermes.md; VERSIONS="0.22.2 ..." WAYS="system user ..." for a part
	@tests/tools/hermes $(ARGS)

hermes-short: setup ## test three releases in the main ways of installation
	@tests/tools/hermes --versions "0.17.0 0.19.0 0.22.2" --ways "system shell multi source" --patience 45 --short --deselect tests/hermes/test_upgrade.py --deselect tests/hermes/test_upgrade_fleet.py $(ARGS)

monitoring: setup-monitoring ## test from growth to restart, over Prometheus, Alertmanager and ansible-rulebook: tables of steps and of hostile alerts
	@tests/tools/monitoring $(ARGS)

vm: setup ## test the kernel's OOM killer, and the watchdog before it, on a virtual machine
	@tests/tools/vm

lab: setup ## start the lab: four small VPSes, three of them with real gateways
	@tests/lab/lab up

lab-down: setup ## remove the lab
	@tests/lab/lab down

manual: setup ## build the man page and the shell completions of hermes-guard, which the role installs; needed before a release
	@tests/tools/manual

release: setup ## build the tarball of a release in .build/release, check it with galaxy-importer, and run it with the oldest and the newest ansible-core
	@tests/tools/release

build/hermes-guard: $(GUARD_SOURCES) ## build the on-host program as one file
	@tests/tools/link
	@mkdir -p build
	PYTHONPATH=.build/collections python3 -m ansible_collections.hermes_ops.gateway.plugins.module_utils._install.program $@

setup: ## install system packages and Python environments, and set the collection's import path
	@tests/tools/setup

setup-every:
	@tests/tools/setup every

setup-monitoring:
	@tests/tools/setup monitoring

lock: setup ## update the lock files from pyproject.toml
	@tests/tools/lock

clean: ## remove everything that make created, except the lab (`make lab-down`)
	rm -rf .build build .venv .venv-* .ansible roles/hermes_guard/files .hypothesis tests/output
