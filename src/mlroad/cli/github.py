"""`mlroad github`: GitHub's settings as the files of the repo say."""

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from mlroad.cli.output_options import result
from mlroad.core.github_api import GitHubError
from mlroad.core.problems import UserError
from mlroad.core.repo import root_here
from mlroad.core.text import count
from mlroad.github.compare_settings import apply as apply_setting
from mlroad.github.compare_settings import compare, confirm, open_repo
from mlroad.github.setting import Setting


@click.command()
@click.option("--apply", is_flag=True, help="Change GitHub. Without it, the command only lists the changes.")
@click.option("--dry-run", is_flag=True, help="Change nothing, even with --apply.")
@click.option("--loosen", is_flag=True, help="Also where GitHub is stricter: make it as the files say.")
@click.option(
    "--repo", "named", metavar="[HOST/]OWNER/NAME", default="", help="The repo (default: the remote origin)."
)
def github(apply: bool, dry_run: bool, loosen: bool, named: str) -> None:
    """Set up GitHub: rulesets, environments, reviewers, variables.

    Compares the repo's settings on GitHub with .github/rulesets/, the environments of the workflows and
    .github/mlroad.yml, and lists what differs. Nothing is changed without --apply. Where GitHub is
    stricter, it stays so. docs/github.md explains each setting.

    It needs admin rights, and a token: `gh auth login`, or the variable GH_TOKEN.

    \b
    mlroad github                        list what would be changed
    mlroad github --apply                change it; a second run finds nothing to change

    Exit codes: 0 done, 1 a setting cannot be read or changed, 2 wrong arguments, token, permission or file.
    """
    apply = apply and not dry_run
    settings: list[Setting] = []
    try:
        repo = open_repo(root_here(), named)
        if apply and not repo.is_admin:
            raise UserError(
                f"You are not an admin of {repo.name}.", "Ask one to run this, or to give you the role."
            )
        if apply and repo.about.get("archived"):
            raise UserError(
                f"{repo.name} is archived, so nothing of it can be changed.", "Unarchive it first."
            )
        settings += compare(root_here(), repo, loosen=loosen)  # all of it, before anything is changed
        for setting in settings:
            if apply:
                apply_setting(repo, setting)
            _show(setting, applied=apply)
        if apply and any(setting.changes for setting in settings):
            for setting in confirm(root_here(), repo, settings, loosen=loosen):
                _show(setting, applied=apply)
    except GitHubError as error:
        result(settings=[asdict(setting) for setting in settings])
        if error.is_mistake:
            raise UserError(str(error)) from None
        click.echo(str(error), err=True)
        sys.exit(1)
    result(settings=[asdict(setting) for setting in settings])
    changes = [setting for setting in settings if setting.changes]
    failed = [setting for setting in settings if setting.problem]
    click.echo(_summary(repo.name, changes, failed, applied=apply))
    sys.exit(1 if [setting for setting in failed if apply or not setting.is_not_offered] else 0)


def _show(setting: Setting, *, applied: bool) -> None:
    click.echo("".join(f"{line}\n" for line in _lines(setting, applied=applied)), nl=False)


def _lines(setting: Setting, *, applied: bool) -> Iterator[str]:
    if setting.problem:
        what = "changed" if applied and setting.changes else "compared"
        yield f"{setting.name}: not {what}. {setting.problem}"
    elif setting.changes:
        yield f"{setting.name}: {'changed' if applied else 'would change'}"
    if not setting.problem or setting.changes:
        yield from (f"  {change}" for change in setting.changes)
    if setting.note:
        yield f"{setting.name}: left as it is. {setting.note}"
    yield from (f"{setting.name}: stays stricter than the file says: {kept}" for kept in setting.kept)


def _summary(repo: str, changes: list[Setting], failed: list[Setting], *, applied: bool) -> str:
    if not changes and failed:
        return f"Nothing to change in what could be compared of {repo}."
    if not changes:
        return f"Nothing to change: {repo} is as the files say."
    if not applied:
        return f"Nothing was changed. Change {count(len(changes), 'setting')}: add --apply."
    refused = len([its for its in failed if its.changes])
    done = f"Changed {count(len(changes) - refused, 'setting')} of {repo}."
    return f"{done} {count(refused, 'setting')} could not be changed." if refused else done
