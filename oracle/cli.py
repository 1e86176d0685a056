"""The command line `clearwatt`: finds the command, runs it, and turns what goes wrong into one line.

Exit codes: 0 all is well, 1 the audit found a fault, 2 the input is wrong or cannot be judged, 130 interrupted.
"""

import importlib
import sys
from collections.abc import Mapping
from typing import Final

import click
import requests

from offchain.errors import ClearwattError

EXIT_BAD_INPUT: Final = 2
EXIT_INTERRUPTED: Final = 130

_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class LazyGroup(click.Group):
    """A group whose commands are imported only when asked for, so that the command line is quick."""

    def __init__(self, places: Mapping[str, str], help_text: str) -> None:
        """Make a group.

        Args:
            places: Where each command is, `module:object` by its name.
            help_text: What `--help` says.
        """
        super().__init__(help=help_text, context_settings=_SETTINGS)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, as listed by `--help`."""
        return [*self._places, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        place = self._places.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{place} is not a command")
        _keep_examples_apart(command)
        return command


def _keep_examples_apart(command: click.Command) -> None:
    """Let click see its mark for lines that stay as they are, which raw docstrings spell out."""
    if command.help:
        command.help = command.help.replace("\\b\n", "\b\n")
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _keep_examples_apart(inner)


cli = LazyGroup(
    {
        "demo": "oracle.commands.demo:demo",
        "audit": "oracle.commands.audit:audit",
        "bill": "oracle.commands.bill:bill_command",
        "challenge": "oracle.commands.challenge:challenge",
        "watch": "oracle.commands.watch:watch",
        "verify-mine": "oracle.commands.verify_mine:verify_mine",
        "claim": "oracle.commands.ticket:claim",
        "escape": "oracle.commands.ticket:escape",
        "reading": "oracle.commands.reading:reading",
        "seed": "oracle.commands.seed:seed",
        "deploy": "oracle.commands.deploy:deploy",
        "terms": "oracle.commands.terms:terms",
        "drill": "oracle.commands.drill:drill",
        "fsck": "oracle.commands.fsck:fsck",
        "bundle": "oracle.commands.bundle:bundle",
        "grid": "oracle.commands.grid:grid",
        "simulate": "oracle.commands.simulate:simulate",
        "evidence": "oracle.commands.evidence:evidence",
    },
    """Fair local electricity markets: cleared off chain, disprovable on chain.

    \b
    Examples:
      clearwatt demo                            a day of a small market, then its audit
      clearwatt demo --case ieee57 --seed 7     another network, other people
      clearwatt audit --rpc URL --ledger 0x... --bundles DIR
    """,
)
cli.add_command(
    LazyGroup(
        {
            "audit": "oracle.commands.bench_audit:audit_bench",
            "clearing": "oracle.commands.bench_clearing:clearing_bench",
            "shapley": "oracle.commands.bench_shapley:shapley_bench",
        },
        "Measure how fast clearwatt is on this machine.",
    ),
    "bench",
)
cli = click.version_option(package_name="clearwatt", message="clearwatt %(version)s")(cli)


def main() -> None:
    """Run the command line; the entry point of the `clearwatt` script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line.

    Args:
        arguments: What stands behind `clearwatt`.

    Returns:
        The exit code; errors that a user can make are one line on stderr.
    """
    try:
        code = cli.main(args=arguments, prog_name="clearwatt", standalone_mode=False)
    except ClearwattError as error:
        return _complain(str(error))
    except requests.RequestException as error:
        return _complain(f"rpc: the node stopped answering ({type(error).__name__})")
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_BAD_INPUT
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "clearwatt"
        return _complain(f"{error.format_message()} See {where} --help.")
    except click.ClickException as error:
        return _complain(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        print("clearwatt: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader, `head` perhaps, has enough
        sys.stderr.close()
        return 0
    return code if isinstance(code, int) else 0


def _complain(message: str) -> int:
    line = " ".join(message.split())
    print(f"clearwatt: error: {line}", file=sys.stderr)
    return EXIT_BAD_INPUT


if __name__ == "__main__":
    main()
