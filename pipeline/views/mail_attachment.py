"""A stored attachment, to be downloaded: never shown by the browser as part of this site."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from accounts.access import company_view
from pipeline.selectors.mail_attachments import attachment_to_download


@company_view("deal.view")
@require_safe
def mail_attachment(request: HttpRequest, attachment_id: int) -> HttpResponse:
    """The bytes as they came, whatever the sender said that they are."""
    found = attachment_to_download(attachment_id=attachment_id)
    if found is None:
        raise Http404
    response = HttpResponse(found.content, content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(True, found.name)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
