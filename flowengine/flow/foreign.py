"""Files that are no flow at all: one sentence that says what they look like, instead of a hundred findings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document

FORMAT = 1
OUR_WORDS = frozenset({"flow", "office", "people", "departments", "receptionist", "when_to_transfer"})
BEGIN = "a flow begins with  flow: and a name"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What another program's file is called, and the words at its top: all of `all_of`, one of `one_of` if any."""

    called: str
    all_of: frozenset[str]
    one_of: frozenset[str] = frozenset()

    def fits(self, words: frozenset[str]) -> bool:
        return self.all_of <= words and (not self.one_of or bool(self.one_of & words))


def _kind(called: str, all_of: str, one_of: str = "") -> _Kind:
    return _Kind(called, frozenset(all_of.split()), frozenset(one_of.split()))


# The first that fits is named, so the particular stand before the general.
_BY_TOP_WORDS = (
    _kind("a Kubernetes resource", "apiVersion kind"),
    _kind("a GitHub action", "runs name"),
    _kind("a GitHub workflow", "jobs", "on true"),
    _kind("a CircleCI configuration", "jobs version", "workflows orbs executors"),
    _kind("an OpenAPI description", "openapi"),
    _kind("an OpenAPI description", "swagger"),
    _kind("an AsyncAPI description", "asyncapi"),
    _kind("a CloudFormation template", "AWSTemplateFormatVersion"),
    _kind("a CloudFormation template", "Resources", "Parameters Outputs Description Transform"),
    _kind("an Amazon Connect flow", "Actions StartAction"),
    _kind("a Twilio Studio flow", "states initial_state"),
    _kind(
        "a Genesys Architect flow", "", "inboundCall inboundChat inboundEmail inboundShortMessage inQueueCall workitem"
    ),
    _kind("a SWML document", "sections"),
    _kind("a Voiceflow or Dialogflow export", "", "diagrams fulfillmentLibraries supportedLanguageCodes"),
    _kind("a Rasa file", "", "nlu stories intents"),
    _kind("a voice assistant's configuration", "model voice", "transcriber firstMessage"),
    _kind("a pre-commit configuration", "repos"),
    _kind("a Dependabot configuration", "updates version"),
    _kind("an MkDocs configuration", "site_name"),
    _kind("a Helm chart", "appVersion"),
    _kind("a GitLab pipeline", "stages"),
    _kind("an Azure pipeline", "", "pool trigger steps"),
    _kind("an npm package file", "name version", "dependencies devDependencies scripts"),
    _kind("a compose file", "services"),
    _kind("a Home Assistant configuration", "", "homeassistant default_config automation"),
    _kind("a JSON Schema", "$schema"),
    _kind("a telephone system's dialplan", "contexts"),
    _kind("a telephone system's dialplan", "extensions"),
)
# what each entry of a list at the top holds
_BY_ENTRY_WORDS = (
    _kind("an Ansible playbook", "hosts"),
    _kind("an Ansible playbook", "import_playbook"),
    _kind("a list of Ansible tasks", "name", "shell command copy apt yum template service when become register"),
    _kind("Home Assistant automations", "", "trigger triggers"),
    _kind("a jambonz application", "verb"),
    _kind("a Vonage call control object", "action", "text streamUrl endpoint eventUrl"),
    _kind("a pre-commit hook list", "id entry"),
    _kind("an extension list of a telephone system", "exten"),
)
# one word of a pipeline's job
_JOB = frozenset({"script", "stage", "extends", "before_script"})
# what a text that is no YAML begins with (or holds near its beginning)
_BY_TEXT = tuple(
    (re.compile(pattern, re.MULTILINE), called)
    for pattern, called in (
        (r"\A\s*(<\?xml[^>]*>\s*)?<Response\b", "TwiML"),
        (r"\A\s*(<\?xml[^>]*>\s*)?<(extension|context|document|include)\b", "a FreeSWITCH dialplan"),
        (r"\A\s*(<!DOCTYPE html|<html)", "a web page"),
        (r"\A\s*<\?xml\b", "an XML file"),
        (r"^\s*(exten|same)\s*=>?", "an Asterisk dialplan"),
        (r"\A(\s*#.*\n)*\s*FROM \S+(\s|\Z)", "a Dockerfile"),
        (r"\A(\s*#.*\n)*\s*(import \w+|from \w[\w.]* import |def \w+\()", "a Python program"),
        (r"\A#!", "a script"),
        (r"\A(\s*[;#].*\n|\s*\n)*\[[\w. -]+\]\s*$", "a settings file with [sections]"),
        (r"\A%PDF-", "a PDF"),
        (r"\APK\x03\x04", "a zip archive or an office document"),
        (r"\A\{\\rtf", "a word-processor document"),
        (r"\A# .*\n(\s*\n)+\w", "a Markdown page"),
    )
)


def refuse(doc: Document) -> Iterator[Diagnostic]:
    """One finding about a file that is no flow, or a flow of a later format; none about one of ours."""
    if not isinstance(doc.value, dict) or not OUR_WORDS & doc.value.keys():
        yield not_a_flow(doc)
        return
    called = looks_like(doc.value)
    if called:
        yield _finding(doc, f"this is not a flow; it looks like {called}")
        return
    yield from _newer(doc)


def recognised(text: str, value: Any) -> str:
    """What other program's file this is, by its values or its text; "" when neither tells."""
    return looks_like(value) or ("" if _is_ours(value) else _text_kind(text))


def not_a_flow(doc: Document) -> Diagnostic:
    """The finding about a file that has none of our words."""
    text = "\n".join(doc.lines.get(doc.file, ())[:200])
    called = recognised(text, doc.value)
    if called:
        return _finding(doc, f"this is not a flow; it looks like {called}")
    if isinstance(doc.value, dict):
        words = " or ".join(repr(str(word)[:40]) for word in list(doc.value)[:3])
        return _finding(doc, f"this is not a flow; a flow has no {words} at its top" if words else "this is not a flow")
    return _finding(doc, f"this is {'a list' if isinstance(doc.value, list) else 'text'}, not a flow")


def looks_like(value: Any) -> str:
    """What a file's values look like when they belong to another program, or ""."""
    if isinstance(value, dict):
        return "" if _is_ours(value) else _by_words(_BY_TOP_WORDS, value) or _pipeline(value)
    entries = value[:20] if isinstance(value, list) else []
    if entries and all(isinstance(entry, dict) for entry in entries):
        return next((called for entry in entries if (called := _by_words(_BY_ENTRY_WORDS, entry))), "")
    return ""


def _is_ours(value: Any) -> bool:
    return isinstance(value, dict) and ("flow" in value or len(OUR_WORDS & value.keys()) > 1)


def _by_words(kinds: tuple[_Kind, ...], value: Mapping[str, Any]) -> str:
    words = frozenset(value)
    return next((kind.called for kind in kinds if kind.fits(words)), "")


def _pipeline(value: Mapping[str, Any]) -> str:
    jobs = (job for job in value.values() if isinstance(job, dict))
    return "a GitLab pipeline" if any("script" in job or len(_JOB & job.keys()) > 1 for job in jobs) else ""


def _text_kind(text: str) -> str:
    return next((called for pattern, called in _BY_TEXT if pattern.search(text[:4000])), "")


def _newer(doc: Document) -> Iterator[Diagnostic]:
    number = str(doc.value.get("format", "1"))
    if re.fullmatch(r"[0-9]{1,9}", number) and int(number) > FORMAT:
        said = f"this file is written in format {int(number)}, and this version of flowengine reads format {FORMAT}"
        help = f"install a version of flowengine that reads format {int(number)}"
        yield doc.diagnose(("format",), "newer-format", said, help)


def _finding(doc: Document, said: str) -> Diagnostic:
    return doc.diagnose((), "not-a-flow", said, BEGIN)
