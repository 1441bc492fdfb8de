"""Which scenarios of MCP's conformance suite apply to any server, and why each of the others does not.

The suite was written for an example server with tools, prompts and resources of given names; most of its scenarios use them.
"""

from tests.mcp_servers.wire import LEGACY

APPLIES = frozenset(
    {
        "server-initialize",
        "server-stateless",
        "ping",
        "tools-list",
        # They call a tool that our servers do not have; what they check holds for the answer to that too.
        "tools-call-simple-text",
        "tools-call-error",
        "input-required-result-ignore-extra-params",
        "input-required-result-unsupported-methods",
        "server-sse-multiple-streams",
        "resources-list",
        "sep-2164-resource-not-found",
        "prompts-list",
        "dns-rebinding-protection",
        "caching",
        "http-header-validation",
    }
)

COMPLETION = "our prompts' arguments are free text: there is nothing to complete"
INPUT = "needs a tool or prompt that asks the client for input: ours ask the caller by what they answer"
KIND = "needs a tool that answers with {}: ours answer with structure and text"
LOGGING = "the servers offer no logging over MCP: what was said never enters a log"
PROMPT = "needs the example server's prompt of that kind"
RESOURCE = "needs the example server's resource of that kind"
SESSION = "the servers keep no session: any replica answers"
SKILLS = "an extension that the servers do not offer: skills"
SUBSCRIBE = "the servers offer no subscriptions to resources of the older revision: they keep no session"
TASKS = "an extension that the servers do not offer: tasks (a write answers within its deadline)"

DOES_NOT_APPLY = {
    "completion-complete": COMPLETION,
    "elicitation-sep1034-defaults": INPUT,
    "elicitation-sep1330-enums": INPUT,
    # It is run against a tool of its own instead: test_conformance.py.
    "http-custom-header-server-validation": "no tool of the two servers takes an argument by header: headers are logged by proxies",
    "input-required-result-basic-elicitation": INPUT,
    "input-required-result-basic-list-roots": INPUT,
    "input-required-result-basic-sampling": INPUT,
    "input-required-result-capability-check": INPUT,
    "input-required-result-missing-input-response": INPUT,
    "input-required-result-multi-round": INPUT,
    "input-required-result-multiple-input-requests": INPUT,
    "input-required-result-non-tool-request": INPUT,
    "input-required-result-request-state": INPUT,
    "input-required-result-result-type": INPUT,
    "input-required-result-tampered-state": INPUT,
    "input-required-result-validate-input": INPUT,
    "json-schema-2020-12": "needs the example server's tool json_schema_2020_12_tool",
    "logging-set-level": LOGGING,
    "prompts-get-embedded-resource": PROMPT,
    "prompts-get-simple": PROMPT,
    "prompts-get-with-args": PROMPT,
    "prompts-get-with-image": PROMPT,
    "resources-read-binary": RESOURCE,
    "resources-read-text": RESOURCE,
    "resources-subscribe": SUBSCRIBE,
    "resources-templates-read": RESOURCE,
    "resources-unsubscribe": SUBSCRIBE,
    "sep-2640-skills-directory": SKILLS,
    "sep-2640-skills-enumeration": SKILLS,
    "sep-2640-skills-manifest": SKILLS,
    "server-session-lifecycle": SESSION,
    "server-sse-polling": SESSION,
    "tasks-capability-negotiation": TASKS,
    "tasks-dispatch-and-envelope": TASKS,
    "tasks-lifecycle": TASKS,
    "tasks-mrtr-composition": TASKS,
    "tasks-mrtr-input": TASKS,
    "tasks-request-headers": TASKS,
    "tasks-request-state-removal": TASKS,
    "tasks-required-task-error": TASKS,
    "tasks-status-notifications": TASKS,
    "tasks-wire-fields": TASKS,
    "tools-call-audio": KIND.format("sound"),
    "tools-call-elicitation": INPUT,
    "tools-call-embedded-resource": KIND.format("a resource"),
    "tools-call-image": KIND.format("an image"),
    "tools-call-mixed-content": KIND.format("several kinds of content"),
    "tools-call-sampling": INPUT,
    "tools-call-with-logging": LOGGING,
    "tools-call-with-progress": "the servers answer with JSON, which carries no progress: what takes long is said by the agent",
}

NOT_CHECKED = {
    "sep-2575-missing-capability-http-400": INPUT,
    "sep-2575-server-rejects-undeclared-capability": INPUT,
    "sep-2575-server-sends-prompts-list-changed-on-subscription": "a server's prompts do not change while it runs",
    "sep-2575-server-sends-tools-list-changed-on-subscription": "a server's tools do not change while it runs",
}
"""Single checks of scenarios that apply otherwise."""

NOT_IN = {("server-sse-multiple-streams", LEGACY): SESSION}
"""A scenario that applies in the other revision only."""
