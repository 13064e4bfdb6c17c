"""Files of other programs are refused in one sentence that says what they look like; ours never are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.foreign import looks_like, refuse
from flowengine.flow.source import parse
from tests.flow.mutations import FILES
from tests.flow.office import SMALL, findings

FOREIGN = {
    "a compose file": "services:\n  web: &web\n    image: nginx\n  other:\n    <<: *web\n    name: a\n    name: b\n",
    "a GitHub workflow": "name: CI\non: [push]\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps: []\n",
    "a GitHub action": "name: Validate\nruns:\n  using: composite\n  steps: []\n",
    "a GitLab pipeline": "image: python:3.12\ntest:\n  stage: test\n  script:\n    - pytest\n",
    "an Azure pipeline": "trigger: [main]\npool:\n  vmImage: ubuntu-latest\nsteps: []\n",
    "a Kubernetes resource": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\n",
    "a Helm chart": "name: web\nversion: 1.0.0\nappVersion: 1.2.3\n",
    "an OpenAPI description": "openapi: 3.1.0\ninfo: {title: Calls}\npaths: {}\n",
    "a CloudFormation template": "Resources:\n  Bucket:\n    Type: !Ref Kind\nOutputs: {}\n",
    "an Ansible playbook": "- hosts: all\n  become: true\n  tasks:\n    - name: Install\n      apt: {name: nginx}\n",
    "Home Assistant automations": "- alias: Door\n  triggers: []\n  actions: []\n",
    "a Home Assistant configuration": "default_config:\nautomation: !include automations.yaml\n",
    "a pre-commit configuration": "repos:\n  - repo: https://example.com\n    hooks: []\n",
    "a Dependabot configuration": "version: 2\nupdates: []\n",
    "an MkDocs configuration": "site_name: Docs\nnav: []\n",
    "an npm package file": json.dumps({"name": "web", "version": "1.0.0", "scripts": {}, "dependencies": {}}),
    "a SWML document": "version: 1.0.0\nsections:\n  main:\n    - answer: {}\n    - play: say:Hello\n",
    "a Twilio Studio flow": json.dumps({"description": "x", "states": [], "initial_state": "Trigger", "flags": {}}),
    "an Amazon Connect flow": json.dumps({"Version": "2019-10-30", "StartAction": "a", "Actions": []}, indent="\t"),
    "a Genesys Architect flow": "inboundCall:\n  name: Main\n  division: Home\n",
    "a jambonz application": json.dumps([{"verb": "say", "text": "Hello"}, {"verb": "hangup"}]),
    "a Vonage call control object": json.dumps([{"action": "talk", "text": "Hello"}]),
    "a voice assistant's configuration": json.dumps({"model": {}, "voice": {}, "firstMessage": "Hello"}),
    "TwiML": '<?xml version="1.0"?>\n<Response>\n  <Say>Hello: hi</Say>\n</Response>\n',
    "a FreeSWITCH dialplan": '<context name="default">\n  <extension name="a"/>\n</context>\n',
    "an Asterisk dialplan": "[default]\nexten => 100,1,Answer()\n same => n,Dial(SIP/dana)\n",
    "a Dockerfile": "# base\nFROM python:3.12\nRUN pip install flowengine\nCMD [\"flowengine\", \"serve\"]\n",
    "a web page": "<!DOCTYPE html>\n<html><body>: hi</body></html>\n",
    "a Python program": "import yaml\n\nprint(yaml.safe_load('a: b'))\n",
    "a settings file with [sections]": "[office]\nname = Small: Office\n",
    "a script": "#!/bin/sh\nflowengine validate: x\n",
    "a Markdown page": "# How we answer\n\nWe answer: always.\n",
}  # fmt: skip


def refused(written: str) -> list[Diagnostic]:
    document, found = parse(written, "other.yaml")
    return found if document is None else [*found, *refuse(document)]


@pytest.mark.parametrize("called", FOREIGN)
def test_a_foreign_file_is_named_in_one_sentence(called: str) -> None:
    found = refused(FOREIGN[called])
    assert [(d.code, d.message) for d in found] == [("not-a-flow", f"this is not a flow; it looks like {called}")]
    assert found[0].help


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("colour: red\n", "this is not a flow; a flow has no 'colour' at its top"),
        ("- a\n- b\n", "this is a list, not a flow"),
        ("Just a sentence.\n", "this is text, not a flow"),
        ('"quoted"\n', "this is text, not a flow"),
        ("{}\n", "this is not a flow"),
        ("colour: red\ncolour: blue\n", "this is not a flow; a flow has no 'colour' at its top"),
    ],
)
def test_what_nobody_knows_is_refused_in_one_sentence_too(written: str, said: str) -> None:
    found = refused(written)
    assert [d.code for d in found] == ["not-a-flow"]
    assert found[0].message == said
    assert [d.code for d in check_flow(written, "other.yaml")[1]] == ["not-a-flow"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_flow_is_never_taken_for_something_else(file: Any) -> None:
    document, _ = parse(file.read_text(encoding="utf-8"), file.name)
    assert document is not None
    assert looks_like(document.value) == ""
    for cut in range(3, len(document.lines[file.name]), 7):
        part = "\n".join(document.lines[file.name][cut:])
        assert not any("looks like" in d.message for d in refused(part)), cut


def test_a_flow_with_one_foreign_word_is_told_of_the_word() -> None:
    assert [d.code for d in findings(SMALL + "services: [a]\n") if d.severity == "error"] == ["unknown-key"]


def test_a_later_format_is_named() -> None:
    (found,) = findings("flow: a\nformat: 7\nsomething: new\n")
    assert (found.code, found.line) == ("newer-format", 2)
    assert "format 7" in found.help


def test_one_word_of_ours_makes_no_flow_of_a_compose_file() -> None:
    assert [d.message for d in refused("services: {}\npeople: {}\n")] == [
        "this is not a flow; it looks like a compose file"
    ]


def test_a_shared_file_may_be_foreign_too() -> None:
    _, found = check_flow(SMALL + "shared: [web.yaml]\n", "small.yaml", load=lambda _: FOREIGN["a GitHub workflow"])
    (only,) = [d for d in found if d.severity == "error"]
    assert (only.code, only.line) == ("shared-file", 21)
    assert "a GitHub workflow" in only.message
