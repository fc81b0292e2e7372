"""The page of `make run` at `/`: a visitor's chat and the company's inbox, an example of a right client of the API.

It is served by the local gateway alone, and never deployed. Its files are read at each request, so an edit counts from
the next one on.
"""

import json
import re
from pathlib import Path

from local import seed
from local.gateway import Response

_FOLDER = Path(__file__).parent
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_FILES = {f"/page/{path.name}": path for path in _FOLDER.iterdir() if path.suffix in {".css", ".js"}}
_FILES["/"] = _FOLDER / "index.html"

_KEYS = json.dumps({"publicKey": seed.PUBLIC_KEY, "privateKey": seed.PRIVATE_KEY})


def is_its_own(referer: str, port: int) -> bool:
    """Tell whether the page or one of its files asked, by the header `Referer` and the port of `make run`."""
    return re.fullmatch(rf"http://(localhost|127\.0\.0\.1):{port}/(page/.*)?", referer) is not None


def serve(path: str, port: int, bucket: str = "") -> Response | None:
    """Return the page or one of its files, by the path; None where it has none.

    `bucket` is the origin at which the page uploads files, and is shown images.
    """
    file = _FILES.get(path)
    if file is None:
        return None
    # Nothing from another host, and no code but the page's own. The API is called by either name of this machine.
    called = [f"http://{name}:{port}" for name in ("localhost", "127.0.0.1")] + ([bucket] if bucket else [])
    sockets = [f"ws://{name}:{port}" for name in ("localhost", "127.0.0.1")]
    policy = (
        # `blob:` is an image that was picked, and is not uploaded yet.
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob: {' '.join(called)}; "
        f"connect-src {' '.join(called + sockets)}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = [
        ("content-type", f"{_TYPES[file.suffix]}; charset=utf-8"),
        ("content-security-policy", policy),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ]
    return Response(200, file.read_text().replace("{{KEYS}}", _KEYS).encode(), headers)
