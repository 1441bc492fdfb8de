"""The ``voxie`` command. Each command imports what it needs, so that ``--help`` is quick."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import keys
from cli.errors import Stop
from cli.state import State
from contracts.modes import Mode

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Voice agents that do things. Start with: voxie up",
)
app.add_typer(keys.app, name="keys")
GLOBAL_OPTIONS = ("--state", "--port-offset")

Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Live = Annotated[bool, typer.Option("--live", help="With your own accounts, without the sandbox.")]


@app.callback()
def options(
    context: typer.Context,
    state: Annotated[Path, typer.Option(help="Folder of this copy's secrets and databases.")] = Path(".voxie"),
    port_offset: Annotated[int, typer.Option(help="Added to every port, so that two copies can run.")] = 0,
) -> None:
    """Voice agents that do things. Start with: voxie up."""
    context.obj = State(state, port_offset)


@app.command()
def up(context: typer.Context, live: Live = False) -> None:
    """Start everything that can start here, in demo mode, until Ctrl-C."""
    from cli.up import up as run  # noqa: PLC0415

    run(context.obj, Mode.LIVE if live else Mode.DEMO)


@app.command()
def serve(
    context: typer.Context, name: Annotated[str, typer.Argument(help="sandbox, backend or an integration")]
) -> None:
    """Run one service in the foreground; live unless VOXIE_MODE=demo."""
    from cli.serve import serve as run  # noqa: PLC0415

    run(context.obj, name)


@app.command()
def chat(
    context: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id, such as restaurant")],
    caller: Annotated[str | None, typer.Option(help="A verified caller, such as user:ana or tel:+15550100")] = None,
) -> None:
    """Talk to an agent by text; from a pipe each line is one turn."""
    from cli.chat import chat as run  # noqa: PLC0415

    run(context.obj, agent, caller=caller)


@app.command()
def new(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="restaurant, dental, medical or business")],
    name: Annotated[str | None, typer.Option(help="The business's name")] = None,
    zone: Annotated[str | None, typer.Option(help="IANA zone such as Europe/Madrid; the calendar's without it")] = None,
    hook: Annotated[str | None, typer.Option(help="The Zapier hook that is told of bookings")] = None,
) -> None:
    """Make an agent from a template."""
    from cli.new import new as run  # noqa: PLC0415

    run(context.obj, kind, name=name, zone=zone, hook=hook)


@app.command()
def tools(
    context: typer.Context,
    server: Annotated[str | None, typer.Argument(help="One server's name; all without it")] = None,
    as_json: Json = False,
) -> None:
    """List the tools of the MCP servers."""
    from cli.tools import list_tools  # noqa: PLC0415

    list_tools(context.obj, server, as_json=as_json)


@app.command()
def call(
    context: typer.Context,
    server: Annotated[str, typer.Argument(help="The server's name")],
    tool: Annotated[str, typer.Argument(help="The tool's name")],
    args: Annotated[str, typer.Option(help="The arguments as a JSON object")] = "{}",
    owner: Annotated[bool, typer.Option("--owner", help="Call as the owner rather than the public")] = False,
) -> None:
    """Call one tool of an MCP server."""
    from cli.tools import call_tool  # noqa: PLC0415

    call_tool(context.obj, server, tool, args, owner=owner)


@app.command()
def connect(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The integration, such as google")],
    client: Annotated[Path | None, typer.Option(help="The OAuth client's JSON file from the vendor's console")] = None,
    token: Annotated[Path | None, typer.Option(help="Where to keep the token; in the state folder without it")] = None,
) -> None:
    """Connect your own account, for a server that runs alone."""
    from cli.connect import connect as run  # noqa: PLC0415

    run(context.obj, name, client=client, token=token)


@app.command()
def spawner(context: typer.Context) -> None:
    """Answer voice and text calls in LiveKit's rooms; needs LIVEKIT_URL and its keys."""
    from cli.workers import spawner as run  # noqa: PLC0415

    run(context.obj)


@app.command()
def doctor(context: typer.Context, as_json: Json = False, live: Live = False) -> None:
    """Say what is configured, reachable and broken, and the fix."""
    from cli.doctor import doctor as run  # noqa: PLC0415

    raise typer.Exit(0 if run(context.obj, Mode.LIVE if live else Mode.DEMO, as_json=as_json) else 1)


@app.command()
def owner_link(context: typer.Context) -> None:
    """Make a one-time link by which somebody becomes an owner of this installation."""
    from cli.owner import owner_link as run  # noqa: PLC0415

    run(context.obj)


@app.command()
def approve(
    context: typer.Context,
    server: Annotated[str, typer.Argument(help="The server's name, such as google-calendar")],
    yes: Annotated[bool, typer.Option("--yes", help="Without asking")] = False,
) -> None:
    """Show the tools of a server that are new or changed, and let calls be offered them."""
    from cli.approve import approve as run  # noqa: PLC0415

    run(context.obj, server, yes=yes)


@app.command()
def demo(context: typer.Context) -> None:
    """Set up, play one whole call, show the event and the delivery, and stop."""
    from cli.demo import demo as run  # noqa: PLC0415

    run(context.obj)


for command in app.registered_commands:
    command.epilog = "--state DIR and --port-offset N, as `voxie --help` has them, may stand here too."


def hoisted(arguments: list[str]) -> list[str]:
    """The arguments with this copy's options first, so that they may stand anywhere."""
    first: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument in GLOBAL_OPTIONS:
            first += [argument, *(value for value in [next(remaining, None)] if value is not None)]
        elif argument.startswith(tuple(f"{option}=" for option in GLOBAL_OPTIONS)):
            first.append(argument)
        else:
            rest.append(argument)
    return first + rest


def main() -> None:
    """Run the command; what stops it is one line."""
    try:
        app(args=hoisted(sys.argv[1:]))
    except Stop as stop:
        sys.stderr.write(f"voxie: {stop}\n")
        sys.exit(stop.code)
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        sys.exit(130)
