"""How `/directory/` answers: whole, or the list alone for htmx; and what it notes of searches that found nothing."""

from typing import Any

from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers

from cms.directory import Results
from cms.fruitless import note_fruitless

FORM = "filters"  # the id of the form with the words


def wants_part(request: Any) -> bool:
    """Whether htmx asks for the list alone. When it goes back in history, it wants the whole page."""
    htmx = getattr(request, "htmx", None)
    return bool(htmx and not htmx.history_restore_request)


def note_and_address(request: Any, response: Any) -> Any:
    """Note words that nothing holds, once for each search; and tell htmx the address people can share."""
    results: Results = response.context_data["results"]
    part = wants_part(request)
    again = any(request.GET.get(name) for name in ("page", "sort")) if not part else request.htmx.trigger != FORM
    if results.in_vain and not again:
        note_fruitless(words=results.query, today=timezone.localdate())
        patch_cache_control(response, private=True)  # the next one who looks for this is noted, too
    if part:
        response["HX-Push-Url"] = f"?{results.address}" if results.address else request.path
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request"])
    return response
