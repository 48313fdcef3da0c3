"""What routes ask for by type. Knows where the container is, not what is in it."""

from typing import Annotated

from fastapi import Depends, Request

from server.container import Container
from server.datatypes import Language
from server.routes.language import language_of_request


def container_of(request: Request) -> Container:
    """Return the objects of this process."""
    container: Container = request.app.state.container
    return container


Objects = Annotated[Container, Depends(container_of)]
Wanted = Annotated[Language, Depends(language_of_request)]
