"""`emo-hallo repair`: a damaged task database made whole again."""

from typing import Annotated

import typer

from emo_hallo_ray.cli.terminal import leave, reported_errors


def repair(
    force: Annotated[bool, typer.Option("--force", help="Rebuild it even if it looks sound.")] = False,
) -> None:
    """Repair the task database of this machine's storage. Stop the service first.

    Rows that can be read are kept; tasks whose rows are lost are queued again from their folders, and give the same
    frames. The damaged file stays beside the new one.
    """
    from emo_hallo_ray.settings import read_settings
    from emo_hallo_ray.storage import Storage
    from emo_hallo_ray.tasks.lock import StoreInUse, exclusive
    from emo_hallo_ray.tasks.repair import is_sound
    from emo_hallo_ray.tasks.repair import repair as rebuild

    with reported_errors():
        storage = Storage.of(read_settings().storage)
        database = storage.database.expanduser()
        if not database.exists():
            raise leave(
                f"there is no task database in '{database.parent}'", "set EMO_HALLO_STORAGE__ROOT to the service's"
            )
        try:
            with exclusive(database):
                if is_sound(database) and not force:
                    typer.echo("The task database is sound; nothing was changed. (--force rebuilds it all the same.)")
                    return
                repaired = rebuild(storage)
        except StoreInUse as error:
            raise leave("the service is running on this database", "stop it first, then run this again") from error
    typer.echo(f"{repaired.kept} tasks kept, {len(repaired.restored)} queued again from their folders.")
    typer.echo(f"The damaged file is now '{repaired.damaged}'. Start the service again.")
