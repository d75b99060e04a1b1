"""HTML pages that need no other file: one look, images embedded, everything that comes from data escaped.

A page's policy (Content-Security-Policy) allows nothing but embedded images, the page's own style and, where
its template has one, its own script, both by their hashes: a page runs nothing else and asks no network,
whatever is in a name.
"""

import base64
import hashlib
import io
from functools import cache
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from PIL import Image

_JPEG_QUALITY: Final = 85


def render_page(package: str, template: str, **values: Any) -> str:
    """Fill in a template.

    Args:
        package: its templates may extend ``page.html.j2``, and so have its head, style and policy.
        template: name of the file in the package's folder ``templates``.
        values: what the template names; a name that is missing is an error.

    Returns:
        The page's HTML.
    """
    return _environment(package).get_template(template).render(**values)


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("mdpr.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters |= {"source_hash": _source_hash, "picture": jpeg_uri}
    return environment


def jpeg_uri(jpeg: bytes) -> str:
    """A JPEG's bytes as what an ``img`` has for its source."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def png_uri(png: bytes) -> str:
    """A PNG's bytes likewise."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def image_uri(image: Image.Image) -> str:
    """An RGB picture, made a JPEG, likewise."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return jpeg_uri(stream.getvalue())


def _source_hash(text: str) -> str:
    """How a policy names the one style (or script) that it allows."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
