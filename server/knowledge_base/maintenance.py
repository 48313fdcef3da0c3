"""Work on a data folder that no service is using. Knows no routes."""

import logging
import shutil

from tqdm import tqdm

from configs import Settings
from server.auth import KeyStore
from server.db.database import Database
from server.db.knowledge_bases import list_kbs
from server.knowledge_base.derived import IndexPool
from server.knowledge_base.embedders import EmbedderPool
from server.knowledge_base.lock import FolderLock
from server.knowledge_base.paths import DataFolder

logger = logging.getLogger(__name__)


def create_tables(settings: Settings) -> None:
    """Create the data folder and its tables, or upgrade them.

    Raises:
        DataDirectoryInUse: a service is using the folder.
    """
    folder = DataFolder(settings.paths.data)
    with FolderLock(folder).hold():
        database = Database(folder.database)
        database.migrate()
        database.close()


def recreate_indexes(settings: Settings) -> None:
    """Build the indexes of all knowledge bases anew from SQL, with a progress bar.

    Raises:
        DataDirectoryInUse: a service is using the folder.
    """
    folder = DataFolder(settings.paths.data)
    embedders = EmbedderPool(settings.embedding, folder.models)
    with FolderLock(folder).hold():
        database = Database(folder.database)
        shutil.rmtree(folder.indexes, ignore_errors=True)
        pool = IndexPool(folder)
        with database.read() as session:
            for kb, _ in tqdm(list_kbs(session), unit="kb"):
                with pool.use(session, kb, embedders.get(kb.embedding_model)):
                    pass  # to begin to use an index is to build it
        pool.close()
        database.close()


def mint_key(settings: Settings) -> str:
    """Make a new API key in place of all stored ones, and return it.

    Raises:
        DataDirectoryInUse: a service is using the folder.
    """
    folder = DataFolder(settings.paths.data)
    with FolderLock(folder).hold():
        database = Database(folder.database)
        key = KeyStore(database, chosen="", internal="").mint()
        database.close()
        return key
