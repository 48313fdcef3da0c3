"""Where the crash suite makes an exception, and why."""

DRAWN_AGAIN = "a picture of a page, which is drawn again when it is wanted"
NEXT_ROUND = "the next round of the upkeep does it again"

# Calls that change the disk and have no fault point beside them.
NO_POINT_NEEDED = {
    "server/knowledge_base/blobs.py: sync_folder: os.fsync": "store, which calls it, has them",
    "server/knowledge_base/blobs.py: recover: shutil.rmtree": "the next start does it again",
    "server/knowledge_base/indexes/tantivy_store.py: write: writer.commit": (
        "apply, which calls it, has them"
    ),
    "server/knowledge_base/maintenance.py: recreate_indexes: shutil.rmtree": (
        "asked for by hand, while no service runs; indexes are made again at the next search"
    ),
    "server/knowledge_base/blobs.py: remove_leftovers: path.unlink": "the next start does it again",
    "server/knowledge_base/loaders/old_office.py: remove_left_folders: shutil.rmtree": (
        "copies in the system's folder for such; the next conversion does it again"
    ),
    "server/knowledge_base/pages.py: _keep: os.fsync": DRAWN_AGAIN,
    "server/knowledge_base/pages.py: _keep: temporary.replace": DRAWN_AGAIN,
    "server/knowledge_base/pages.py: _keep: temporary.unlink": DRAWN_AGAIN,
    "server/knowledge_base/pages.py: tidy: path.unlink": NEXT_ROUND,
    "server/knowledge_base/pages.py: remove: path.unlink": NEXT_ROUND,
}

# Points that no scenario reaches.
UNREACHED = {
    "job_lease.before_commit": "comes after ten seconds of work; only a second process reads it",
    "job_lease.after_commit": "comes after ten seconds of work; only a second process reads it",
    "fail_run.before_commit": "comes when a run fails; it ends a run, as cancel_run does",
    "fail_run.after_commit": "comes when a run fails; it ends a run, as cancel_run does",
    "shrink.before": "comes with 32 MB of free pages, which SQLite gives back in a transaction",
}
