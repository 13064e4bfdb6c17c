"""What a form brought and could not be kept is given back, to be sent again: nobody writes a note twice."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from flowengine.desk.frame import Form, Frame, from_here, posted


async def answer(frame: Frame, request: Request) -> Response:
    """The page after a request that failed on our side: the form once more, or a page that tries again by itself."""
    form = await _given(frame, request) if request.method == "POST" else None
    if form is None or "passphrase" in form:
        return frame.plain(503, again=request.method == "GET")
    action = request.url.path
    page = action.rpartition("/")[0] if action.startswith("/desk/handoffs/") else "/desk/"
    kept = {name: value for name, value in form.items() if name != "text"}
    values = {"action": action, "page": page, "kept": kept, "text": form.get("text", "")}
    return frame.html("unsaved.html", 503, values)


async def _given(frame: Frame, request: Request) -> Form | None:
    """What a page of ours sent; another site's words are not ours to show."""
    if not from_here(request, frame.access.desk_url):
        return None
    try:
        return await posted(request)
    except Exception:  # it did not come, or its sender is gone
        return None
