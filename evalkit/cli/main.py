"""`evalkit`: the command table and the one place where errors become exit codes.

Command modules are imported only when their command is called, so that `evalkit --help` stays fast.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

from evalkit import __version__
from evalkit.errors import EvalkitError, nearest

COMMANDS = {
    "run": ("evalkit.cli.run:run", "Run tasks on a model and grade the answers."),
    "plan": ("evalkit.cli.plan:plan", "Say what a run could show, and what it would cost."),
    "quickstart": ("evalkit.cli.quickstart:quickstart", "Run the demonstration suite on the embedded model."),
    "compare": ("evalkit.cli.compare:compare", "Compare a run with other runs and published references."),
    "report": ("evalkit.cli.report:report", "Write a run's report as HTML."),
    "metrics": ("evalkit.cli.metrics:metrics", "Compute pass@k, maj@k and G-Pass@k of a run, for any k."),
    "leaderboard": ("evalkit.cli.leaderboard:leaderboard", "Export a board of runs and references."),
    "score": ("evalkit.cli.score:score", "Grade a run's stored generations again, without a model."),
    "grade": ("evalkit.cli.grade:grade", "Grade answers of any origin: one, or a file of them."),
    "audit": ("evalkit.cli.audit:audit", "Show what in a run deserves a second look, sample by sample."),
    "tasks": ("evalkit.cli.tasks:tasks", "List, show and validate tasks."),
    "protocol": ("evalkit.cli.protocol:protocol", "List named protocols, and tell two protocols apart."),
    "models": ("evalkit.cli.models:models", "List model kinds; fetch the embedded model."),
    "sandbox": ("evalkit.cli.sandbox:sandbox", "Show where code of models is run, and prove that it stays there."),
    "doctor": ("evalkit.cli.doctor:doctor", "Look at what runs need on this machine."),
    "references": ("evalkit.cli.references:references", "List and compare published reference scores."),
}

EPILOG = (
    "Exit codes: 0 ok, 1 failed, 2 wrong usage or input, 3 the run finished with too many failed samples, "
    "4 the run stopped at its budget, 130 interrupted."
)


class LazyGroup(click.Group):
    """Commands by name from `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in table order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attr = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attr)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Adds the nearest command names to click's complaint."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = nearest(args[0], COMMANDS)
            hint = f"; did you mean {', '.join(close)}?" if close else f"; commands: {', '.join(COMMANDS)}"
            raise click.UsageError(f"no such command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Help lines from the table: nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="evalkit")
def cli() -> None:
    """Check whether a reasoning model is on par with published o1 and DeepSeek R1 results.

    `--debug` after any command shows the traceback of an error.
    """


def main(argv: list[str] | None = None) -> None:
    """Console entry point."""
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args or bool(os.environ.get("EVALKIT_DEBUG"))
    args = [a for a in args if a != "--debug"]
    try:
        result = cli.main(args, prog_name="evalkit", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except click.ClickException as fault:
        fault.show()
        sys.exit(fault.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except EvalkitError as fault:
        _fail(str(fault), fault.exit_code, debug)
    except Exception as fault:  # the last boundary: whatever it is, one line and a way to see more
        _fail(f"internal error: {type(fault).__name__}: {fault} (--debug shows where)", 1, debug)


def _fail(message: str, code: int, debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exc()
    click.echo(f"evalkit: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
