"""Work on a data folder that no service is using. Knows no routes."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tqdm import tqdm

from configs import Settings
from server.auth import KeyStore
from server.db.database import Database
from server.db.knowledge_bases import list_kbs
from server.knowledge_base.derived import IndexPool
from server.knowledge_base.embedders import EmbedderPool
from server.knowledge_base.lock import FolderLock
from server.knowledge_base.paths import DataFolder


@contextmanager
def open_folder(settings: Settings) -> Iterator[tuple[DataFolder, Database]]:
    """Take a data folder and open its database, with its tables.

    Raises:
        DataDirectoryInUse: a service is using the folder.
    """
    folder = DataFolder(settings.paths.data)
    with FolderLock(folder).hold(), closing(Database(folder.database)) as database:
        database.migrate()
        yield folder, database


def create_tables(settings: Settings) -> None:
    """Create the data folder and its tables, or upgrade them.

    Raises:
        DataDirectoryInUse: a service is using the folder.
    """
    with open_folder(settings):
        pass  # to open it is to create it


def recreate_indexes(settings: Settings) -> None:
    """Build the indexes of all knowledge bases anew from SQL, with a progress bar.

    Raises:
        DataDirectoryInUse: a service is using the folder.
    """
    with open_folder(settings) as (folder, database):
        shutil.rmtree(folder.indexes, ignore_errors=True)
        embedders = EmbedderPool(settings.embedding, folder.models)
        with closing(IndexPool(folder)) as pool, database.read() as session:
            for kb, _ in tqdm(list_kbs(session), unit="kb"):
                with pool.use(session, kb, embedders.get(kb.embedding_model)):
                    pass  # to use an index is to bring it up to date


def mint_key(settings: Settings) -> str:
    """Make a new API key in place of all stored ones, and return it.

    Raises:
        DataDirectoryInUse: a service is using the folder.
    """
    with open_folder(settings) as (_, database):
        return KeyStore(database, chosen="", internal="").mint()
