"""The REST interface: one file an area, listed here."""

from fastapi import APIRouter

from server.plugins import Registry

ROUTERS: Registry[APIRouter] = Registry(
    "router",
    {
        "health": "server.routes.health:router",
        "status": "server.routes.status:router",
        "jobs": "server.routes.jobs:router",
        "versions": "server.routes.versions:router",  # before the files, whose names have slashes
        "pages": "server.routes.pages:router",  # as well
        "intake": "server.routes.intake:router",
        "sources": "server.routes.sources:router",
        "evaluation": "server.routes.evaluation:router",
        "knowledge_bases": "server.routes.knowledge_bases:router",
        "search": "server.routes.search:router",
        "split": "server.routes.split:router",
        "chat": "server.routes.chat:router",
        "conversations": "server.routes.conversations:router",
        "legacy knowledge base": "server.routes.legacy.knowledge_base:router",
        "legacy chat": "server.routes.legacy.chat:router",
    },
)
